import { stripVTControlCharacters } from "node:util";

const GAP = "  ";

/** Rows under headings, columns as wide as their widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map((cell) => oneLine(cell)));
  const widths = headings.map((_heading, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Names and values, one pair per line. */
export function pairs(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}${GAP}${oneLine(value)}\n`).join("");
}

/** An id by its ends: whole in JSON, short in tables. */
export function short(id: string): string {
  const bare = id.startsWith("ed25519:") ? id.slice("ed25519:".length) : id;
  return bare.length <= 16 ? bare : `${bare.slice(0, 6)}…${bare.slice(-6)}`;
}

/** mWh as kWh, to the watt-hour. */
export function kWh(milliWh: number): string {
  return (milliWh / 1_000_000).toFixed(3);
}

/** Micro-currency as currency, to the cent. */
export function money(micro: number, currency: string): string {
  return `${(micro / 1_000_000).toFixed(2)} ${currency}`;
}

/** Text of several lines that cannot move the terminal's cursor: what remote nodes say is part of it. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\n\t]+/gu, " ");
}

/** JSON that holds no control character in clear either: it leaves those above ASCII as they are. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/\p{Cc}/gu, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Remote text may hold newlines and control characters that would break the table or the terminal. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}+/gu, " ");
}

/** Comma-separated text as named columns; every complaint names file and line. */

import { ProtocolError } from "@gridmesh/protocol";

/** Longest run of missing steps that is filled in. */
const MAX_GAP_STEPS = 2;

export interface TableRow {
  /** 1-based, as an editor counts. */
  readonly line: number;
  readonly cells: readonly string[];
}

export interface Table {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
}

/** INVALID_PARAMS at a place in a file; line 0 means the whole file. */
export function badData(file: string, line: number, what: string): ProtocolError {
  return new ProtocolError("INVALID_PARAMS", line === 0 ? `${file}: ${what}` : `${file}:${line}: ${what}`);
}

/**
 * One header row after `skip` lines (default 0), rows of the same width, blank lines ignored; lines keep their numbers.
 * @throws INVALID_PARAMS.
 */
export function readTable(file: string, text: string, skip = 0): Table {
  const lines = text.split(/\r?\n/);
  const columns = (lines[skip] ?? "")
    .replace(/^\uFEFF/, "")
    .split(",")
    .map((name) => name.trim());
  if (columns.length < 2) throw badData(file, skip + 1, "no header row");
  if (new Set(columns).size !== columns.length) throw badData(file, skip + 1, "a column appears twice");
  const rows: TableRow[] = [];
  for (let index = skip + 1; index < lines.length; index += 1) {
    const text = lines[index] ?? "";
    if (text.trim() === "") continue;
    const cells = text.split(",");
    if (cells.length !== columns.length) {
      throw badData(file, index + 1, `${cells.length} cells where the header has ${columns.length}`);
    }
    rows.push({ line: index + 1, cells });
  }
  if (rows.length === 0) throw badData(file, skip + 1, "no rows");
  return { file, columns, rows };
}

/** Where a column stands. @throws INVALID_PARAMS when it is missing. */
export function columnIndex(table: Table, name: string): number {
  const index = table.columns.indexOf(name);
  if (index < 0) throw badData(table.file, 1, `column "${name}" is missing`);
  return index;
}

/** A decimal cell; NaN for an empty one (a gap). @throws INVALID_PARAMS for anything else. */
export function decimalCell(table: Table, row: TableRow, column: number): number {
  const text = (row.cells[column] ?? "").trim();
  if (text === "") return Number.NaN;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    throw badData(table.file, row.line, `"${text.slice(0, 20)}" in ${table.columns[column]} is no number`);
  }
  return Number(text);
}

/**
 * Fills runs of up to two NaN between two values by a straight line, in place, and counts them; `whole` rounds.
 * @throws INVALID_PARAMS for longer runs and for one at either end, at the line that `lineOf` names.
 */
export function fillGaps(
  values: Float64Array,
  source: { readonly file: string; readonly name: string; lineOf(step: number): number },
  whole = true,
): number {
  let filled = 0;
  for (let step = 0; step < values.length; step += 1) {
    if (!Number.isNaN(values[step])) continue;
    let end = step;
    while (end < values.length && Number.isNaN(values[end])) end += 1;
    const before = values[step - 1];
    const after = values[end];
    if (before === undefined || after === undefined || end - step > MAX_GAP_STEPS) {
      throw badData(source.file, source.lineOf(step), `${source.name}: ${end - step} steps missing`);
    }
    for (let at = step; at < end; at += 1) {
      const value = before + ((after - before) * (at - step + 1)) / (end - step + 1);
      values[at] = whole ? Math.round(value) : value;
    }
    filled += end - step;
    step = end;
  }
  return filled;
}

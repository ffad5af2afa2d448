/** What libp2p says of a failed dial, in words an operator can act on. */

import { cutFailure, deniedFailure, type DialFailure } from "../dial-counts.ts";

const phrases: readonly (readonly [RegExp, DialFailure])[] = [
  [/ECONNREFUSED/u, { result: "refused", reason: "connection refused" }],
  [
    /ECONNRESET|EPIPE|closed before|closed (?:its|the) (?:socket|connection)|connection closed|stream (?:was |has been )?(?:reset|closed|ended)|unexpected end/iu,
    cutFailure,
  ],
  [/EHOSTUNREACH|ENETUNREACH/u, { result: "no-route", reason: "no route" }],
  [/ETIMEDOUT|timed? ?out|abort/iu, { result: "timeout", reason: "no answer in time" }],
  [/ENOTFOUND|EAI_AGAIN|dns/iu, { result: "unknown-name", reason: "the name is not known" }],
  [/dial self/iu, { result: "own-address", reason: "the address is our own" }],
  [/denied|blocked|no valid addresses/iu, deniedFailure],
];

export function dialFailure(error: unknown): DialFailure {
  const text = describe(error);
  const other = /key (\w+) does not match/u.exec(text);
  if (other !== null) return { result: "wrong-peer", reason: `another peer answers: ${other[1]}` };
  const known = phrases.find(([pattern]) => pattern.test(text))?.[1];
  return known ?? { result: "failed", reason: text.slice(0, 200) };
}

/** Names, codes and messages of an error, its causes and its parts. */
export function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 4) return String(error);
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  const parts: unknown[] = error instanceof AggregateError ? [...error.errors] : [];
  if (error.cause !== undefined) parts.push(error.cause);
  const inner = parts.map((part) => ` (${describe(part, depth + 1)})`).join("");
  return `${error.name}${code}: ${error.message}${inner}`;
}

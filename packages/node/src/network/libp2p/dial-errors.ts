/** What libp2p says of a failed dial, in words an operator can act on. */

/** How a dial to one address ended. */
export type DialResult =
  | "linked"
  | "refused"
  | "cut"
  | "no-route"
  | "timeout"
  | "unknown-name"
  | "own-address"
  | "denied"
  | "wrong-peer"
  | "bad-address"
  | "failed";

export interface DialFailure {
  readonly result: DialResult;
  readonly reason: string;
}

/** A dial that ended before its handshake: the other side's limit or ban, or another private network. */
export const cutFailure: DialFailure = {
  result: "cut",
  reason: "reset before the handshake: a limit or ban over there, or another private network",
};

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
  [/denied|blocked|no valid addresses/iu, { result: "denied", reason: "refused by our own rules" }],
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

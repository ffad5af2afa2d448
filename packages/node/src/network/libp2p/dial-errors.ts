/** What libp2p says of a failed dial, in words an operator can act on. */

const phrases: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/u, "connection refused"],
  [
    /ECONNRESET|EPIPE|closed before|connection closed|stream (?:was )?reset|unexpected end/iu,
    "reset before the handshake: a limit or ban over there, or another private network",
  ],
  [/EHOSTUNREACH|ENETUNREACH/u, "no route"],
  [/ETIMEDOUT|timed? ?out|abort/iu, "no answer in time"],
  [/ENOTFOUND|EAI_AGAIN|dns/iu, "the name is not known"],
  [/dial self/iu, "the address is our own"],
  [/denied|blocked|no valid addresses/iu, "refused by our own rules"],
];

export function dialReason(error: unknown): string {
  const text = describe(error);
  const other = /key (\w+) does not match/u.exec(text);
  if (other !== null) return `another peer answers: ${other[1]}`;
  return phrases.find(([pattern]) => pattern.test(text))?.[1] ?? text.slice(0, 200);
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

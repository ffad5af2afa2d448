/** Other people's JSON changed in place: every character that is not meant stays as it was written. */

import type { JsonValue } from "./json.ts";

/** A member of an object in a text. */
export interface MemberSpan {
  /** Of its key's opening quote, and of its value. */
  readonly keyAt: number;
  readonly start: number;
  readonly end: number;
  /** The object has the name more than once; this is the last, which parsers take. */
  readonly doubled: boolean;
}

export interface MemberEdit {
  /** Names from the outermost object inwards. */
  readonly path: readonly string[];
  /** JSON to stand there; undefined takes the member away. */
  readonly text: string | undefined;
}

/** The members of the object that begins at `at`; empty where none does. The text must be valid JSON. */
export function memberSpans(text: string, at = 0): ReadonlyMap<string, MemberSpan> {
  const members = new Map<string, MemberSpan>();
  let i = afterSpace(text, at);
  if (text[i] !== "{") return members;
  i = afterSpace(text, i + 1);
  while (i < text.length && text[i] !== "}") {
    const keyAt = i;
    const keyEnd = afterString(text, i);
    const key = nameIn(text.slice(keyAt, keyEnd));
    const start = afterSpace(text, afterSpace(text, keyEnd) + 1);
    const end = afterValue(text, start);
    members.set(key, { keyAt, start, end, doubled: members.has(key) });
    i = afterSpace(text, end);
    if (text[i] === ",") i = afterSpace(text, i + 1);
  }
  return members;
}

/** The member a path leads to; undefined when there is none. */
export function spanAt(text: string, path: readonly string[]): MemberSpan | undefined {
  let at = 0;
  let found: MemberSpan | undefined;
  for (const name of path) {
    found = memberSpans(text, at).get(name);
    if (found === undefined) return undefined;
    at = found.start;
  }
  return found;
}

/** The text with some members' values replaced or taken away; a path that leads nowhere changes nothing. */
export function editMembers(text: string, edits: readonly MemberEdit[]): string {
  // One after the other: two that are taken away side by side share a comma.
  return edits.reduce(edited, text);
}

function edited(text: string, { path, text: fresh }: MemberEdit): string {
  const span = spanAt(text, path);
  if (span === undefined) return text;
  const { start, end } = fresh === undefined ? withComma(text, span) : span;
  return text.slice(0, start) + (fresh ?? "") + text.slice(end);
}

/** As JSON.parse, but a number that would be written otherwise keeps its digits when it is written again. */
export function parseExact(text: string): JsonValue {
  const { rawJSON } = exact;
  if (rawJSON === undefined || !UNUSUAL_NUMBER.test(text)) return JSON.parse(text) as JsonValue;
  return exact.parse(text, (_key, value: unknown, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  ) as JsonValue;
}

/** JSON with the source text of numbers, as runtimes have it by now and the compiler's library not yet. */
const exact = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  readonly rawJSON?: (text: string) => unknown;
};

/** Long, tiny, with an exponent, a minus before nought or a nought at its end: also within strings, at no harm. */
const UNUSUAL_NUMBER = /[\d.]{16}|0\.0{6}|\d[eE]|-0|\.\d*0(?!\d)/;

const SPACE = /[ \t\r\n]*/y;
const STRUCTURE = /["[\]{}]/g;
const LITERAL_END = /[,\]}\s]/g;

function afterSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/** Behind the string whose opening quote is at `at`. */
function afterString(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

function afterValue(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return afterString(text, at);
  if (first !== "{" && first !== "[") {
    LITERAL_END.lastIndex = at;
    return LITERAL_END.test(text) ? LITERAL_END.lastIndex - 1 : text.length;
  }
  let depth = 0;
  for (let i = at; i < text.length;) {
    STRUCTURE.lastIndex = i;
    if (!STRUCTURE.test(text)) break;
    const mark = STRUCTURE.lastIndex - 1;
    const char = text[mark];
    i = char === '"' ? afterString(text, mark) : mark + 1;
    if (char === "{" || char === "[") depth += 1;
    else if (char !== '"') depth -= 1;
    if (depth === 0) return i;
  }
  return text.length;
}

function nameIn(quoted: string): string {
  return quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

/** A member with one of the commas around it. */
function withComma(
  text: string,
  { keyAt, end }: MemberSpan,
): { readonly start: number; readonly end: number } {
  const next = afterSpace(text, end);
  if (text[next] === ",") return { start: keyAt, end: afterSpace(text, next + 1) };
  let before = keyAt - 1;
  while (before >= 0 && /\s/.test(text[before] ?? "")) before -= 1;
  return text[before] === "," ? { start: before, end } : { start: keyAt, end };
}

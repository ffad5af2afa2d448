/** RFC 8785 by the runtime's own writer, which spells strings and numbers as the RFC does: only keys have to be put in order. */

/**
 * The RFC 8785 text of a JSON value of at most `maxDepth` containers within each other.
 * @throws TypeError for what is no JSON: `undefined`, functions, lone surrogates, other than plain objects.
 */
export function canonicalText(value: unknown, maxDepth: number): string {
  const order = orderOf(value, maxDepth);
  if (order === IN_ORDER) return JSON.stringify(value);
  return order === SORTABLE ? JSON.stringify(sorted(value)) : write(value);
}

/** As everything is that was read. */
const IN_ORDER = 0;
const SORTABLE = 1;
/** Has keys that no object of the runtime keeps where they are put. */
const UNSORTABLE = 2;
const isDigit = (unit: number) => unit >= 0x30 && unit <= 0x39;

/** Refuses what a writer would silently drop, call or emit. */
function orderOf(value: unknown, depthLeft: number): number {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw new TypeError("a string with a lone surrogate is no JSON");
      return IN_ORDER;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON`);
      return IN_ORDER;
    case "boolean":
      return IN_ORDER;
    case "object":
      if (value === null) return IN_ORDER;
      if (depthLeft <= 0) throw new TypeError("too deep to be written");
      return Array.isArray(value) ? orderOfArray(value, depthLeft) : orderOfObject(value, depthLeft);
    default:
      throw new TypeError(`${typeof value} is no JSON`);
  }
}

function orderOfArray(items: readonly unknown[], depthLeft: number): number {
  let order = IN_ORDER;
  // By index: what was left out is no JSON either.
  for (let at = 0; at < items.length; at += 1) order = Math.max(order, orderOf(items[at], depthLeft - 1));
  return order;
}

function orderOfObject(value: object, depthLeft: number): number {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype)
    throw new TypeError("only plain objects are JSON");
  const members = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(members);
  let isSorted = true;
  let isKept = true;
  let before = "";
  for (const key of keys) {
    if (!key.isWellFormed()) throw new TypeError("a key with a lone surrogate is no JSON");
    if (key < before) isSorted = false;
    before = key;
    if (isDigit(key.charCodeAt(0))) isKept = false;
  }
  let order = isSorted ? IN_ORDER : SORTABLE;
  // A copy cannot have it as a key, and puts indices first.
  if (Object.hasOwn(members, "__proto__") || (!isSorted && !isKept)) order = UNSORTABLE;
  for (const key of keys) order = Math.max(order, orderOf(members[key], depthLeft - 1));
  return order;
}

/** A copy with all keys by their UTF-16 units, as the default sort puts them. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const members = value as Readonly<Record<string, unknown>>;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(members).sort()) copy[key] = sorted(members[key]);
  return copy;
}

function write(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  const members = value as Readonly<Record<string, unknown>>;
  const texts = Object.keys(members)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${write(members[key])}`);
  return `{${texts.join(",")}}`;
}

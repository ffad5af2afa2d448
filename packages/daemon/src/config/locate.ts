/** Where each key and value of a TOML text stands; the text must already have been parsed without error. */

export type KeyPath = readonly (string | number)[];

interface Place {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** Offsets of the value; absent for table headers. */
  readonly value?: { readonly start: number; readonly end: number };
}

export interface Places {
  /** The place of a key, or of the nearest table around it. */
  of(path: KeyPath): Place | undefined;
  exact(path: KeyPath): Place | undefined;
  /** Offsets from a table's header to the last value in it or in its own tables; undefined where it has no header. */
  table(path: KeyPath): { readonly start: number; readonly end: number } | undefined;
}

export function locate(text: string): Places {
  const scan = new Scan(text);
  scan.document();
  const exact = (path: KeyPath) => scan.places.get(JSON.stringify(path));
  return {
    exact,
    table: (path) => scan.tables.get(JSON.stringify(path)),
    of(path) {
      for (let length = path.length; length > 0; length -= 1) {
        const place = exact(path.slice(0, length));
        if (place !== undefined) return place;
      }
      return undefined;
    },
  };
}

/** One pass over the text; its position is the state every step shares. */
class Scan {
  readonly places = new Map<string, Place>();
  readonly tables = new Map<string, { start: number; end: number }>();
  readonly #text: string;
  /** Number of elements so far of each array of tables. */
  readonly #arrays = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    let table: KeyPath = [];
    for (;;) {
      this.#blank(true);
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === "[") table = this.#begun(this.#at);
      else this.#pair(table);
      this.#grow(table);
    }
  }

  #begun(start: number): KeyPath {
    const table = this.#header();
    const key = JSON.stringify(table);
    if (!this.tables.has(key)) this.tables.set(key, { start, end: this.#at });
    return table;
  }

  /** What was just read belongs to the table and to every table around it. */
  #grow(table: KeyPath): void {
    for (let length = table.length; length > 0; length -= 1) {
      const known = this.tables.get(JSON.stringify(table.slice(0, length)));
      if (known !== undefined) known.end = this.#at;
    }
  }

  #header(): KeyPath {
    const start = this.#at;
    const isArray = this.#text.startsWith("[[", this.#at);
    this.#at += isArray ? 2 : 1;
    const keys = this.#keys();
    this.#at += isArray ? 2 : 1;
    const parent = keys.slice(0, -1);
    const path = [...this.#indexed(parent), keys.at(-1) ?? ""];
    if (!isArray) {
      const whole = this.#indexed([...keys]);
      this.#mark(whole, start);
      return whole;
    }
    const index = this.#arrays.get(JSON.stringify(path)) ?? 0;
    this.#arrays.set(JSON.stringify(path), index + 1);
    if (index === 0) this.#mark(path, start);
    this.#mark([...path, index], start);
    return [...path, index];
  }

  /** `[agents.options]` after `[[agents]]` speaks of the newest element. */
  #indexed(keys: readonly string[]): (string | number)[] {
    const path: (string | number)[] = [];
    for (const key of keys) {
      path.push(key);
      const count = this.#arrays.get(JSON.stringify(path));
      if (count !== undefined) path.push(count - 1);
    }
    return path;
  }

  #pair(table: KeyPath): void {
    const start = this.#at;
    const path = [...table, ...this.#keys()];
    this.#blank(false);
    this.#at += 1; // the equals sign
    this.#blank(false);
    const valueStart = this.#at;
    this.#value(path);
    this.#mark(path, start, { start: valueStart, end: this.#at });
  }

  #keys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#blank(false);
      keys.push(this.#key());
      this.#blank(false);
      if (this.#text[this.#at] !== ".") return keys;
      this.#at += 1;
    }
  }

  #key(): string {
    const quote = this.#text[this.#at];
    const start = this.#at;
    if (quote === '"' || quote === "'") {
      this.#string();
      const raw = this.#text.slice(start, this.#at);
      return quote === '"' ? (JSON.parse(raw) as string) : raw.slice(1, -1);
    }
    while (/[\w-]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  #value(path: KeyPath): void {
    const first = this.#text[this.#at];
    if (first === '"' || first === "'") return this.#string();
    if (first === "[") return this.#list(path);
    if (first === "{") return this.#inline(path);
    while (this.#at < this.#text.length && !/[,\]}\n\r#]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    while (/[ \t]/.test(this.#text[this.#at - 1] ?? "")) this.#at -= 1;
  }

  #list(path: KeyPath): void {
    this.#at += 1;
    for (let index = 0; ; index += 1) {
      this.#blank(true, true);
      if (this.#at >= this.#text.length || this.#text[this.#at] === "]") break;
      this.#mark([...path, index], this.#at);
      this.#value([...path, index]);
    }
    this.#at += 1;
  }

  #inline(path: KeyPath): void {
    this.#at += 1;
    for (;;) {
      this.#blank(true, true);
      if (this.#at >= this.#text.length || this.#text[this.#at] === "}") break;
      this.#pair(path);
    }
    this.#at += 1;
  }

  #string(): void {
    const quote = this.#text[this.#at] ?? "";
    const long = this.#text.startsWith(quote.repeat(3), this.#at);
    const end = long ? quote.repeat(3) : quote;
    this.#at += end.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      this.#at += quote === '"' && this.#text[this.#at] === "\\" ? 2 : 1;
    }
    this.#at += end.length;
    // A long string may end in one or two quotes of its own.
    if (long) this.#skip(quote === '"' ? /"*/y : /'*/y);
  }

  /** Skips blanks; with `newlines` also line ends and comments, with `commas` also those. */
  #blank(newlines: boolean, commas = false): void {
    if (!newlines) return this.#skip(/[ \t]*/y);
    this.#skip(commas ? /(?:[ \t\r\n,]|#[^\n]*)*/y : /(?:[ \t\r\n]|#[^\n]*)*/y);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
  }

  #mark(path: KeyPath, at: number, value?: { start: number; end: number }): void {
    const key = JSON.stringify(path);
    if (this.places.has(key) && value === undefined) return;
    const before = this.#text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - before.lastIndexOf("\n");
    this.places.set(key, { line, column, ...(value === undefined ? {} : { value }) });
  }
}

/** Events by time, then by the order they were put in. */

interface Event {
  readonly atMs: number;
  readonly seq: number;
  readonly run: () => void;
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.seq < other.seq);
}

export class Events {
  atMs = -30_000;
  readonly #heap: Event[] = [];
  #seq = 0;

  put(atMs: number, run: () => void): void {
    const heap = this.#heap;
    this.#seq += 1;
    const event = { atMs: Math.max(atMs, this.atMs), seq: this.#seq, run };
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = event;
  }

  /** Runs the next; false when there is none. */
  next(): boolean {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined) return false;
    if (heap.length > 0) this.#sink(last);
    this.atMs = first.atMs;
    first.run();
    return true;
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const isOther = other !== undefined && isBefore(other, one);
      const least = isOther ? other : one;
      if (!isBefore(least, event)) break;
      heap[place] = least;
      place = isOther ? left + 1 : left;
    }
    heap[place] = event;
  }
}

/** What is still to happen, in order of time and then of being planned. */

export interface SimEvent {
  readonly atMs: number;
  readonly number: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** A binary heap: the earliest event is on top. */
export class Events {
  readonly #heap: SimEvent[] = [];
  #numbers = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, run: () => void): SimEvent {
    const event: SimEvent = { atMs, number: (this.#numbers += 1), run, cancelled: false };
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || before(parent, event)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
    return event;
  }

  take(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) break;
      const takesRight = right !== undefined && before(right, left);
      const child = takesRight ? right : left;
      if (before(last, child)) break;
      heap[at] = child;
      at = 2 * at + (takesRight ? 2 : 1);
    }
    heap[at] = last;
    return first;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
}

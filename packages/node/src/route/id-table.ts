/** A power of two well above the calls under way at once. */
const SLOTS = 1_024;

/**
 * What is under way, by its id. A Map grows a new table every few deletions, and each old one that outlived a
 * collection keeps all later ones alive with what they held; slots are written over instead.
 */
export class IdTable<Item extends { readonly id: string | number }> {
  readonly #slots: (Item | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  /** Ids that are no numbers, and those whose slot is taken. */
  readonly #others = new Map<string | number, Item>();

  get(id: string | number): Item | undefined {
    const slot = slotOf(id);
    const found = slot < 0 ? undefined : this.#slots[slot];
    return found?.id === id ? found : this.#others.get(id);
  }

  add(item: Item): void {
    const slot = slotOf(item.id);
    if (slot >= 0 && this.#slots[slot] === undefined) this.#slots[slot] = item;
    else this.#others.set(item.id, item);
  }

  /** False when it is not there. */
  delete(item: Item): boolean {
    const slot = slotOf(item.id);
    if (slot < 0 || this.#slots[slot] !== item) return this.#others.delete(item.id);
    this.#slots[slot] = undefined;
    return true;
  }

  /** All that are there now; they may go while this is walked. */
  all(): readonly Item[] {
    return [...this.#slots.filter((item) => item !== undefined), ...this.#others.values()];
  }
}

function slotOf(id: string | number): number {
  return typeof id === "number" && id >= 0 ? id % SLOTS : -1;
}

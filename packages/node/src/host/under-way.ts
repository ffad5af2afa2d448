/** Calls of one agent that are under way, and who waits for the last of them. */
export class UnderWay {
  readonly #idlers: (() => void)[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    if (this.#count === 0) for (const wake of this.#idlers.splice(0)) wake();
  }

  /** Resolves once none is. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idlers.push(resolve));
  }
}

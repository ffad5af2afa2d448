/** The memory that all A2A tasks of a node share: whoever keeps most that has ended gives way first. */

import { nodeLimits } from "../limits.ts";

/** The tasks of one agent, as far as their room goes. */
export interface TaskHolder {
  /** Text of tasks that have ended. */
  readonly endedChars: number;
  /** Forgets the oldest of them; false where there is none. */
  dropOldestEnded(): boolean;
}

export class TaskRoom {
  readonly #holders = new Set<TaskHolder>();
  #chars = 0;
  #openChars = 0;

  /** A face holds its tasks as long as it lives. */
  join(holder: TaskHolder): void {
    this.#holders.add(holder);
  }

  leave(holder: TaskHolder): void {
    this.#holders.delete(holder);
  }

  /** Whether open tasks have taken their part of the room. */
  get isFull(): boolean {
    return this.#openChars >= nodeLimits.a2aOpenTaskChars;
  }

  count(chars: number, isOpen: boolean): void {
    this.#chars += chars;
    if (isOpen) this.#openChars += chars;
  }

  makeRoom(): void {
    while (this.#chars > nodeLimits.a2aTaskChars) {
      let most: TaskHolder | undefined;
      for (const holder of this.#holders) if (holder.endedChars > (most?.endedChars ?? 0)) most = holder;
      if (most === undefined || !most.dropOldestEnded()) return;
    }
  }
}

/** Room for the children of a node: how many there are, who gives way, and what a killed node left behind. */

import { messageOf, ProtocolError } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { StateStore } from "../store/types.ts";
import type { Processes, ProcessSpec } from "./processes.ts";
import { ChildProcess } from "./stdio-child-process.ts";
import type { ChildLine } from "./stdio-child-lines.ts";

/** How a program lets a node run children; without it there are none. */
export interface ChildrenOptions {
  readonly processes: Processes;
  /** Children of all agents together; default 16. */
  readonly max?: number | undefined;
  /** The program's own variables; of these children get PATH, HOME and LANG. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Who holds a place; one with nothing to do may have to leave it. */
export interface ChildSeat {
  /** Monotonic ms since when it has nothing to do; undefined while it has. */
  readonly idleSinceMs: number | undefined;
  /** Resolves once its process has ended. */
  leave(): Promise<void>;
}

export interface ChildPlace {
  readonly agent: string;
  readonly spec: ProcessSpec;
  readonly seat: ChildSeat;
  readonly onLine: (line: ChildLine) => void;
}

export interface ChildRoomOptions extends ChildrenOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: Pick<StateStore, "children" | "saveChild" | "removeChild">;
}

export class ChildRoom {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly env: ChildrenOptions["env"];
  /** Starts after a crash. */
  restarts = 0;
  readonly #options: ChildRoomOptions;
  readonly #seats = new Set<ChildSeat>();

  constructor(options: ChildRoomOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.random = options.random;
    this.log = options.log;
    this.env = options.env;
  }

  /** Children that run or are about to. */
  get size(): number {
    return this.#seats.size;
  }

  /** Ends what a node that was killed left running; at most a second. */
  async endOrphans(): Promise<number> {
    const { clock, log, processes, store } = this.#options;
    const left = store.children().filter(({ pid, startTime }) => processes.isLeft(pid, startTime));
    for (const { pid } of left) processes.signalGroup(pid, "SIGTERM");
    const stays = () => left.filter(({ pid, startTime }) => processes.isLeft(pid, startTime));
    const untilGone = async (limitMs: number) => {
      const endMs = clock.monotonicMs() + limitMs;
      while (stays().length > 0 && clock.monotonicMs() < endMs) await clock.sleep(ORPHAN_LOOK_MS);
    };
    await untilGone(nodeLimits.orphanMs);
    for (const { pid } of stays()) processes.signalGroup(pid, "SIGKILL");
    await untilGone(nodeLimits.childLastMs);
    for (const { pid } of store.children()) store.removeChild(pid);
    if (left.length > 0) {
      const agents = [...new Set(left.map(({ agent }) => agent))].join(", ");
      log.warn("child.orphans", `ended ${left.length} processes that the last run left behind: ${agents}`);
    }
    return left.length;
  }

  /** @throws AGENT_START_FAILED, QUOTA_EXCEEDED when nobody can give way. */
  async start({ agent, spec, seat, onLine }: ChildPlace): Promise<ChildProcess> {
    const { clock, processes, log, store } = this.#options;
    await this.#makeRoom();
    this.#seats.add(seat);
    try {
      const child = await ChildProcess.start({ spec, processes, clock, log: log.child(agent), onLine });
      const { pid, startTime } = child;
      if (startTime !== undefined) store.saveChild({ pid, startTime, agent });
      void child.ended.then(() => {
        this.#seats.delete(seat);
        this.#forget(pid);
      });
      return child;
    } catch (error) {
      this.#seats.delete(seat);
      throw error;
    }
  }

  #forget(pid: number): void {
    try {
      this.#options.store.removeChild(pid);
    } catch (error) {
      // The node has closed before its child did; the next start finds that it has ended.
      this.log.debug("child.ended", messageOf(error));
    }
  }

  async #makeRoom(): Promise<void> {
    const { max = nodeLimits.children } = this.#options;
    while (this.#seats.size >= max) {
      const seat = longestIdle([...this.#seats]);
      if (seat === undefined) {
        const data = { retry_after_ms: RETRY_MS };
        throw new ProtocolError("QUOTA_EXCEEDED", `all ${max} children are at work`, { data });
      }
      await seat.leave();
      // Its end was told to us first; whoever waited here beside us may have taken the place.
      this.#seats.delete(seat);
    }
  }
}

const ORPHAN_LOOK_MS = 20;
const RETRY_MS = 1_000;

/** Who has had nothing to do for the longest time. */
export function longestIdle<Seat extends ChildSeat>(seats: readonly Seat[]): Seat | undefined {
  const since = (seat: Seat) => seat.idleSinceMs ?? Number.POSITIVE_INFINITY;
  const [first] = seats
    .filter(({ idleSinceMs }) => idleSinceMs !== undefined)
    .toSorted((a, b) => since(a) - since(b));
  return first;
}

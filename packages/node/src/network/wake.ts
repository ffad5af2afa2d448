import { networkInterfaces } from "node:os";
import type { Clock } from "../clock.ts";
import type { TimerSet } from "./timer-set.ts";

const POLL_MS = 5_000;
/** Whoever has no link has nothing else to wait for. */
const HURRIED_POLL_MS = 500;
/** Wall time ahead of monotonic time by this much: the machine slept. */
const SLEPT_MS = 30_000;

/** This machine's addresses; the port through which a test unplugs a cable. */
export type Interfaces = () => readonly string[];

/** The addresses of the machine this runs on, those of itself alone left out. */
export const systemInterfaces: Interfaces = () => {
  try {
    return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
      (addresses ?? []).filter(({ internal }) => !internal).map(({ address }) => `${name} ${address}`),
    );
  } catch {
    // Some sandboxes tell nothing: then nothing is seen to change.
    return [];
  }
};

export interface ChangeListeners {
  /** Is a change waited for? */
  readonly hurried: () => boolean;
  /** The machine slept for about so long. */
  readonly onWake: (sleptMs: number) => void;
  /** It has other addresses than before. */
  readonly onInterfaces: () => void;
}

/** Tells within five seconds, half a second when hurried, that the machine slept or came to another network. */
export function watchChanges(
  ports: { readonly clock: Clock; readonly interfaces: Interfaces },
  timers: TimerSet,
  on: ChangeListeners,
): void {
  const { clock, interfaces } = ports;
  const offset = () => clock.nowMs() - clock.monotonicMs();
  const told = () => [...interfaces()].sort().join("\n");
  let offsetBefore = offset();
  let toldBefore = told();
  const look = () => {
    const [offsetNow, toldNow] = [offset(), told()];
    const jumpMs = offsetNow - offsetBefore;
    const isOther = toldNow !== toldBefore;
    [offsetBefore, toldBefore] = [offsetNow, toldNow];
    if (Math.abs(jumpMs) > SLEPT_MS) on.onWake(Math.max(0, jumpMs));
    if (isOther) on.onInterfaces();
    wait();
  };
  const wait = () => timers.after(on.hurried() ? HURRIED_POLL_MS : POLL_MS, look);
  wait();
}

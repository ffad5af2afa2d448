/** Keeps room on the disk for the orders that are open: below the reserve no new one begins. */

import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { JournalDisk } from "./disk.ts";

/** New orders end below this. */
const RESERVE_BYTES = 200 * 1024 * 1024;
/** A file that is deleted when even less is left, so that open orders can end. */
const RESERVE_FILE_BYTES = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 5_000;
const RESERVE = "reserve";
const CHUNK_BYTES = 1024 * 1024;

export interface DiskWatch {
  /** True when no new order may begin; looks again in the background when the last look is old. */
  low(): boolean;
  /** Measures now. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

export interface DiskWatchOptions {
  readonly disk: JournalDisk;
  readonly clock: Clock;
  readonly log: Log;
  readonly reserveBytes?: number | undefined;
}

export function watchDisk(options: DiskWatchOptions): DiskWatch {
  const { disk, clock, log } = options;
  const reserveBytes = options.reserveBytes ?? RESERVE_BYTES;
  let isLow = false;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  let filling: Promise<void> | undefined;

  // Nobody waits for 16 MiB of zeros: the first orders may come meanwhile.
  const fillLater = () => {
    filling ??= fill(disk)
      .catch((error: unknown) => log.warn("disk.reserve", String(error)))
      .finally(() => {
        filling = undefined;
      });
  };
  const measure = async () => {
    const free = await disk.free();
    if (free < reserveBytes && !isLow)
      log.warn("disk.low", "no new orders: the disk is nearly full", { free });
    isLow = free < reserveBytes;
    const names = await disk.list();
    if (free < RESERVE_FILE_BYTES && names.includes(RESERVE)) await disk.remove(RESERVE);
    else if (!isLow && disk.keepsReserve === true && !names.includes(RESERVE)) fillLater();
  };
  const look = () => {
    lookedAtMs = clock.monotonicMs();
    looking ??= measure()
      .catch((error: unknown) => log.warn("disk.unmeasured", String(error)))
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };

  return {
    low() {
      if (clock.monotonicMs() - lookedAtMs >= LOOK_EVERY_MS) void look();
      return isLow;
    },
    look,
    async stop() {
      await looking;
      await filling;
    },
  };
}

async function fill(disk: JournalDisk): Promise<void> {
  const temporary = `${RESERVE}.tmp`;
  if ((await disk.list()).includes(temporary)) await disk.remove(temporary);
  const file = await disk.create(temporary);
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (let at = 0; at < RESERVE_FILE_BYTES; at += CHUNK_BYTES) await file.write(chunk, at);
    await file.sync();
  } catch (error) {
    // What it took so far is what open orders may need.
    await disk.remove(temporary);
    throw error;
  } finally {
    await file.close();
  }
  await disk.rename(temporary, RESERVE);
  await disk.syncFolder();
}

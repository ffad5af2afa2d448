/** What a daemon sees of its machine: the process's loop, memory and files, the disk under its home, its key. */

import { readdirSync, readFileSync, statfsSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { Observation } from "@gridmesh/node";
import type { HomePaths } from "./home.ts";
import { LOOPBACK_NAMES, listenPlace } from "./listening.ts";

/** One look at the machine; undefined where this system does not tell. */
export interface MachineReading {
  readonly monotonicMs: number;
  /** 99th percentile of the event loop's delay since the look before. */
  readonly loopDelayMs: number;
  readonly usedHeapBytes: number;
  readonly heapLimitBytes: number;
  readonly rssBytes: number;
  /** Of the container, or of the machine. */
  readonly memoryLimitBytes: number | undefined;
  readonly openFiles: number | undefined;
  readonly allowedFiles: number | undefined;
  readonly freeDiskBytes: number | undefined;
  /** Is the key sealed by a passphrase? */
  readonly keySealed: boolean | undefined;
}

const SLOW_LOOP_MS = 200;
const SLOW_FOR_MS = 30_000;
const HIGH_MEMORY = 0.8;
const LOW_FILES = 0.1;
const GIB = 1024 ** 3;
const LOW_DISK_BYTES = GIB;
/** Below this no new work is taken. */
const RESERVED_DISK_BYTES = 200 * 1024 ** 2;
const PERCENT = 100;

/** Judges one reading after another. */
export class MachineWatch {
  readonly #exposed: boolean;
  #slowSinceMs: number | undefined;

  /** @param exposed - does the node live where strangers are, in profile public or private? */
  constructor(exposed: boolean) {
    this.#exposed = exposed;
  }

  judge(reading: MachineReading): readonly Observation[] {
    return [
      ...this.#loop(reading),
      ...memory(reading),
      ...files(reading),
      ...disk(reading),
      ...(this.#exposed ? key(reading) : []),
    ];
  }

  #loop({ loopDelayMs, monotonicMs }: MachineReading): Observation[] {
    if (loopDelayMs <= SLOW_LOOP_MS) {
      this.#slowSinceMs = undefined;
      return [];
    }
    this.#slowSinceMs ??= monotonicMs;
    if (monotonicMs - this.#slowSinceMs < SLOW_FOR_MS) return [];
    const text = `one turn in a hundred of the event loop is ${Math.round(loopDelayMs)} ms late`;
    return [{ code: "EVENT_LOOP_SLOW", text }];
  }
}

function memory(reading: MachineReading): Observation[] {
  const { usedHeapBytes, heapLimitBytes, rssBytes, memoryLimitBytes } = reading;
  const parts = [
    { name: "the heap's limit", share: usedHeapBytes / heapLimitBytes },
    { name: "the memory allowed", share: memoryLimitBytes === undefined ? 0 : rssBytes / memoryLimitBytes },
  ];
  const high = parts.find(({ share }) => share > HIGH_MEMORY);
  if (high === undefined) return [];
  return [{ code: "MEMORY_HIGH", text: `${Math.round(high.share * PERCENT)} % of ${high.name} is in use` }];
}

function files({ openFiles, allowedFiles }: MachineReading): Observation[] {
  if (openFiles === undefined || allowedFiles === undefined) return [];
  if (allowedFiles - openFiles >= allowedFiles * LOW_FILES) return [];
  return [{ code: "FD_LOW", text: `${openFiles} of ${allowedFiles} allowed files are open` }];
}

function disk({ freeDiskBytes }: MachineReading): Observation[] {
  if (freeDiskBytes === undefined || freeDiskBytes >= LOW_DISK_BYTES) return [];
  const text = `${(freeDiskBytes / GIB).toFixed(2)} GiB are free under the home folder`;
  return [{ code: "DISK_LOW", text, severity: freeDiskBytes < RESERVED_DISK_BYTES ? "critical" : "warning" }];
}

function key({ keySealed }: MachineReading): Observation[] {
  if (keySealed !== false) return [];
  return [{ code: "KEY_UNPROTECTED", text: "identity.key holds the node's key in clear" }];
}

/** What a listener beyond this machine means. @param listen - `host:port`, empty where it is off */
export function exposure(listen: string): readonly Observation[] {
  if (listen === "" || LOOPBACK_NAMES.has(listenPlace(listen).name)) return [];
  return [{ code: "CONTROL_EXPOSED", text: `the control API listens on ${listen}, in clear` }];
}

export interface MachineObserver extends Disposable {
  observe(): readonly Observation[];
}

/** Files and disk are looked at no more often than this; findings are asked for every second. */
const LOOK_MS = 5_000;

/** Looks at this machine, for the daemon of this home. */
export function observeMachine(paths: HomePaths, exposed: boolean): MachineObserver {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const watch = new MachineWatch(exposed);
  const allowedFiles = allowedFilesOf();
  const keySealed = isKeySealed(paths.identity);
  let seen: readonly Observation[] = [];
  let lastMs = -LOOK_MS;
  return {
    observe() {
      const monotonicMs = performance.now();
      if (monotonicMs - lastMs < LOOK_MS) return seen;
      lastMs = monotonicMs;
      seen = watch.judge({
        monotonicMs,
        loopDelayMs: delay.percentile(99) / 1e6,
        usedHeapBytes: getHeapStatistics().used_heap_size,
        heapLimitBytes: getHeapStatistics().heap_size_limit,
        rssBytes: process.memoryUsage.rss(),
        memoryLimitBytes: process.constrainedMemory() || undefined,
        openFiles: unlessRefused(() => readdirSync("/proc/self/fd").length),
        allowedFiles,
        freeDiskBytes: unlessRefused(() => freeBytes(paths.home)),
        keySealed,
      });
      delay.reset();
      return seen;
    },
    [Symbol.dispose]: () => void delay.disable(),
  };
}

export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** The soft limit of open files. */
export function allowedFilesOf(): number | undefined {
  const limits = unlessRefused(() => readFileSync("/proc/self/limits", "utf8"));
  const found = /Max open files\s+(\d+)/.exec(limits ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Undefined where there is no key that could be read. */
export function isKeySealed(path: string): boolean | undefined {
  return unlessRefused(() => {
    const { kdf } = JSON.parse(readFileSync(path, "utf8")) as { readonly kdf?: unknown };
    return kdf !== null && kdf !== undefined;
  });
}

function unlessRefused<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

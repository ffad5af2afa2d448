/** One child from its first byte to the end of its process group. */

import { messageOf, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Processes, ProcessSpec, RunningProcess } from "./processes.ts";
import { type ChildLine, childLines, type ChildLines } from "./stdio-child-lines.ts";

export interface ChildProcessOptions {
  readonly spec: ProcessSpec;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each message it writes, in order. */
  readonly onLine: (line: ChildLine) => void;
}

/** What the last process wrote on stderr is told to the operator up to here. */
const ERROR_CHARS = 64 * 1024;
/** Unwritten characters above which more are refused. */
const MOST_UNSENT = 4 * nodeLimits.rpcLineBytes;
/** What a process wrote before its end is read within this. */
const LAST_READ_MS = 200;

export class ChildProcess {
  /** Resolves once no process of its group is left; the reason is what the operator reads. */
  readonly ended: Promise<string>;
  readonly pid: number;
  readonly startTime: string | undefined;
  readonly #options: ChildProcessOptions;
  readonly #running: RunningProcess;
  readonly #lines: ChildLines = childLines();
  #errors = "";
  #fault: string | undefined;
  #gone = false;
  #unsent = 0;
  #stopping: Promise<void> | undefined;

  private constructor(options: ChildProcessOptions, running: RunningProcess) {
    this.#options = options;
    this.#running = running;
    this.pid = running.pid;
    this.startTime = options.processes.startTime(running.pid);
    running.onOutput((chunk) => this.#read(chunk));
    running.onErrors((chunk) => this.#note(chunk.toString("utf8")));
    this.ended = this.#watch();
  }

  /** @throws AGENT_START_FAILED. */
  static async start(options: ChildProcessOptions): Promise<ChildProcess> {
    return new ChildProcess(options, await options.processes.start(options.spec));
  }

  get alive(): boolean {
    return !this.#gone;
  }

  /** Its newest words on stderr. */
  get errors(): string {
    return this.#errors;
  }

  get junk(): number {
    return this.#lines.junk;
  }

  /** @throws AGENT_CRASHED once it has ended, QUEUE_FULL when it reads too slowly. */
  send(line: string): void {
    if (this.#gone) throw new ProtocolError("AGENT_CRASHED", "the agent's process has ended");
    if (this.#unsent > MOST_UNSENT) throw new ProtocolError("QUEUE_FULL", "the agent reads too slowly");
    if (this.#running.write(`${line}\n`)) return;
    if (this.#unsent === 0) void this.#running.drained().then(() => (this.#unsent = 0));
    this.#unsent += line.length;
  }

  /** Resolves once it has read what was sent. */
  calm(): Promise<void> {
    return this.#gone ? Promise.resolve() : this.#running.drained();
  }

  hold(): void {
    this.#running.hold();
  }

  resume(): void {
    this.#running.resume();
  }

  /** Closes its input; what is still there after 2 s is asked to end, after 3 more it is ended. Again: the same end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end([
      { afterMs: nodeLimits.childCloseMs, signal: "SIGTERM" },
      { afterMs: nodeLimits.childTermMs, signal: "SIGKILL" },
    ]);
    return this.#stopping;
  }

  /** As `stop`, with no time left to wait. */
  stopNow(): Promise<void> {
    return this.#end([
      { afterMs: 0, signal: "SIGTERM" },
      { afterMs: nodeLimits.childLastMs, signal: "SIGKILL" },
    ]);
  }

  async #end(steps: readonly { afterMs: number; signal: "SIGTERM" | "SIGKILL" }[]): Promise<void> {
    const { clock, processes } = this.#options;
    this.#running.endInput();
    for (const { afterMs, signal } of steps) {
      using done = abortOnDispose();
      const late = clock.sleep(afterMs, done.signal).then(
        () => true,
        () => false,
      );
      if (!(await Promise.race([this.ended.then(() => false), late]))) return;
      processes.signalGroup(this.pid, signal);
    }
    await this.ended;
  }

  async #watch(): Promise<string> {
    const { clock, processes } = this.#options;
    const { exitCode, signal } = await this.#running.ended;
    // Whatever it started ends with it; a group that ignores this is ended for good.
    processes.signalGroup(this.pid, "SIGTERM");
    using done = abortOnDispose();
    const limit = clock.sleep(LAST_READ_MS, done.signal).catch(() => undefined);
    await Promise.race([this.#running.read, limit]);
    processes.signalGroup(this.pid, "SIGKILL");
    this.#running.release();
    this.#gone = true;
    return this.#fault ?? (signal === null ? `exit code ${exitCode}` : `ended by ${signal}`);
  }

  #read(chunk: Buffer): void {
    try {
      for (const line of this.#lines.read(chunk)) this.#options.onLine(line);
    } catch (error) {
      this.#fault ??= messageOf(error);
      this.#options.log.warn("child.line", `ended: ${this.#fault}`);
      this.#running.release();
      this.#options.processes.signalGroup(this.pid, "SIGKILL");
    }
  }

  #note(text: string): void {
    this.#errors = (this.#errors + text).slice(-ERROR_CHARS);
    for (const line of text.split("\n")) if (line.trim() !== "") this.#options.log.debug("child.said", line);
  }
}

function abortOnDispose(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}

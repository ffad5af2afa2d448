/** Keeps one child for many callers: started when first needed, again after a crash, ended when nobody needs it. */

import { isProtocolError, messageOf, ProtocolError } from "@gridmesh/protocol";
import { startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { ChildRoom, ChildSeat } from "./children.ts";
import type { CrashLog } from "./stdio-child-crashes.ts";
import type { SharedTalk } from "./outside-agent.ts";
import { greet, type Greeting } from "./outside-greeting.ts";
import type { ChildLine } from "./stdio-child-lines.ts";
import type { ChildProcess } from "./stdio-child-process.ts";
import type { ProcessSpec } from "./processes.ts";
import { Subscriptions } from "./mcp-subscriptions.ts";
import { SharedLines } from "./shared-lines.ts";

/** `ready` while it runs and was greeted; `starting` also between a crash and the next start. */
export type ChildState = "stopped" | "starting" | "ready" | "draining";

/** What the keepers of one agent share. */
export interface ChildHome {
  readonly agent: string;
  readonly spec: ProcessSpec;
  readonly room: ChildRoom;
  readonly crashes: CrashLog;
  greeting: Greeting | undefined;
  /** A process of it died of being asked what it speaks. */
  legacyFirst: boolean;
  /** Its newest words on stderr. */
  errors: string;
}

interface Running extends SharedTalk {
  readonly child: ChildProcess;
}

export class ChildKeeper implements ChildSeat {
  readonly #home: ChildHome;
  readonly #onGone: () => void;
  #running: Running | undefined;
  #starting: Promise<Running> | undefined;
  #ending: ChildProcess | undefined;
  /** Those that were told to end: their end is no crash. */
  readonly #dismissed = new WeakSet<ChildProcess>();
  #idleSinceMs: number | undefined;
  #idleTimer: Disposable | undefined;
  #over = false;

  /** `onGone` is told each time its process has ended. */
  constructor(home: ChildHome, onGone: () => void) {
    this.#home = home;
    this.#onGone = onGone;
  }

  get state(): ChildState {
    if (this.#starting !== undefined) return "starting";
    if (this.#running !== undefined) return "ready";
    if (this.#ending !== undefined) return "draining";
    return this.#home.crashes.waitMs() > 0 ? "starting" : "stopped";
  }

  get idleSinceMs(): number | undefined {
    const busy = this.#starting !== undefined || (this.#running?.lines.busy ?? 0) > 0;
    return busy ? undefined : this.#idleSinceMs;
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  /** Its conversation, once there is one. @throws AGENT_START_FAILED, AGENT_UNAVAILABLE, QUOTA_EXCEEDED, the signal's reason. */
  async ready(signal: AbortSignal): Promise<SharedTalk> {
    signal.throwIfAborted();
    if (this.#over)
      throw new ProtocolError("AGENT_UNAVAILABLE", `agent ${this.#home.agent} is being stopped`);
    if (this.#running !== undefined) {
      this.#rest();
      return this.#running;
    }
    this.#home.crashes.check();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return until(this.#starting, signal);
  }

  /** Ends its process; the next call starts another. */
  leave(): Promise<void> {
    this.#idleTimer?.[Symbol.dispose]();
    const running = this.#running;
    if (running === undefined) return this.#ending?.stop() ?? Promise.resolve();
    this.#running = undefined;
    this.#ending = running.child;
    this.#dismissed.add(running.child);
    running.lines.fail(new ProtocolError("AGENT_UNAVAILABLE", `agent ${this.#home.agent} is being stopped`));
    return running.child.stop();
  }

  /** No more calls; its process ends as soon as it has nothing to do. */
  async drain(): Promise<void> {
    this.#over = true;
    await this.#starting?.catch(() => undefined);
    if (this.#running === undefined) return this.#ending?.stop();
    const { child, lines } = this.#running;
    if (lines.busy === 0) return this.leave();
    await child.ended;
  }

  async stopNow(): Promise<void> {
    this.#over = true;
    const child = this.#running?.child ?? this.#ending;
    void this.leave();
    await child?.stopNow();
    await this.#starting?.then(
      ({ child: late }) => late.stopNow(),
      () => undefined,
    );
  }

  async #start(): Promise<Running> {
    const { agent, room, crashes } = this.#home;
    const { clock } = room;
    await clock.sleep(crashes.waitMs());
    const asked: { child?: ChildProcess } = {};
    const lines = new SharedLines({
      upstream: {
        send: (line) => asked.child?.send(line),
        calm: () => asked.child?.calm() ?? Promise.resolve(),
      },
      onIdle: () => this.#rest(),
    });
    const child = await this.#spawn(lines);
    asked.child = child;
    void child.ended.then((reason) => this.#ended(child, lines, reason));
    using limit = startDeadline(clock, {}, nodeLimits.childStartMs);
    try {
      const greeting = await this.#greet(lines, limit.signal);
      const subscriptions = new Subscriptions((method, params) => lines.request(method, params, FOR_EVER));
      this.#running = { child, lines, greeting, subscriptions };
      this.#touch();
      this.#rest();
      if (this.#over) void this.leave();
      return this.#running;
    } catch (error) {
      if (child.alive) crashes.note();
      this.#dismissed.add(child);
      void child.stop();
      throw startFailed(agent, error, child.errors);
    }
  }

  async #spawn(lines: SharedLines): Promise<ChildProcess> {
    const { agent, spec, room, crashes } = this.#home;
    try {
      if (crashes.total > 0) room.restarts += 1;
      const onLine = ({ text, message }: ChildLine) => lines.receive(text, message);
      return await room.start({ agent, spec, seat: this, onLine });
    } catch (error) {
      if (isProtocolError(error) && error.code === "AGENT_START_FAILED") crashes.note();
      throw error;
    }
  }

  async #greet(lines: SharedLines, signal: AbortSignal): Promise<Greeting> {
    const home = this.#home;
    const { clock } = home.room;
    try {
      home.greeting = await greet(lines, {
        clock,
        signal,
        known: home.greeting,
        legacyFirst: home.legacyFirst,
      });
      return home.greeting;
    } catch (error) {
      if (home.greeting === undefined && isProtocolError(error) && error.code === "AGENT_CRASHED") {
        home.legacyFirst = true;
      }
      throw error;
    }
  }

  #ended(child: ChildProcess, lines: SharedLines, reason: string): void {
    const { agent, crashes, room } = this.#home;
    this.#home.errors = child.errors;
    this.#idleTimer?.[Symbol.dispose]();
    if (this.#running?.child === child) this.#running = undefined;
    if (this.#ending === child) this.#ending = undefined;
    lines.fail(new ProtocolError("AGENT_CRASHED", `agent ${agent} ended during the call`));
    if (!this.#dismissed.has(child)) {
      crashes.note();
      room.log.warn("child.crashed", `agent ${agent}: ${reason}`, { agent });
    }
    this.#onGone();
  }

  #touch(): void {
    this.#idleSinceMs = undefined;
    this.#idleTimer?.[Symbol.dispose]();
  }

  #rest(): void {
    const running = this.#running;
    if (running === undefined || running.lines.busy > 0) return;
    const { clock } = this.#home.room;
    this.#idleSinceMs = clock.monotonicMs();
    this.#idleTimer?.[Symbol.dispose]();
    if (this.#over) return void this.leave();
    this.#idleTimer = clock.timer(nodeLimits.childIdleMs, () => {
      if (this.#running === running && running.lines.busy === 0) void this.leave();
    });
  }
}

/** What callers share is asked for by none of them alone. */
const FOR_EVER = { signal: new AbortController().signal };

const TOLD_LINES = 20;

function startFailed(agent: string, error: unknown, errors: string): ProtocolError {
  const said = errors.trimEnd().split("\n").slice(-TOLD_LINES).join("\n");
  const data = said === "" ? {} : { data: { stderr: said } };
  const why =
    isProtocolError(error) && error.code === "CALL_TIMEOUT" ? "it did not answer" : messageOf(error);
  return new ProtocolError("AGENT_START_FAILED", `agent ${agent} did not start: ${why}`, {
    cause: error,
    ...data,
  });
}

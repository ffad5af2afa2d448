/** A peer of another libp2p: a program that takes one JSON command a line and gives one JSON answer a line. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** How the program is run. */
export interface ForeignProgram {
  readonly name: string;
  readonly command: string;
  readonly words: readonly string[];
}

export interface ForeignOptions {
  readonly listen?: readonly string[];
  /** 32 bytes in hex; default random. */
  readonly seed?: string;
  readonly psk?: string;
  /** Serve as a relay. */
  readonly relay?: boolean;
}

export type Fields = Readonly<Record<string, unknown>>;

const ANSWER_MS = 240_000;
const LOOPBACK = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"];

interface Waiting {
  readonly resolve: (fields: Fields) => void;
  readonly reject: (error: Error) => void;
}

export class Foreign implements AsyncDisposable {
  readonly seed: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #errors = "";
  #started: { readonly peerId: string; readonly addresses: readonly string[] } | undefined;

  private constructor(program: ForeignProgram, seed: string) {
    this.seed = seed;
    this.#child = spawn(program.command, program.words, { stdio: ["pipe", "pipe", "pipe"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#take(line));
    this.#child.stderr.on("data", (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-2_000);
    });
    this.#child.stdin.on("error", () => undefined);
    this.#child.once("error", (error) => this.#fail(error));
    this.#child.once("exit", () => this.#fail(new Error(`the ${program.name} peer ended\n${this.#errors}`)));
  }

  static async start(program: ForeignProgram, options: ForeignOptions = {}): Promise<Foreign> {
    const foreign = new Foreign(program, options.seed ?? randomBytes(32).toString("hex"));
    try {
      const { seed } = foreign;
      const said = await foreign.ask("start", { listen: LOOPBACK, ...options, seed });
      foreign.#started = { peerId: String(said["peerId"]), addresses: said["addresses"] as string[] };
      return foreign;
    } catch (error) {
      await foreign[Symbol.asyncDispose]();
      throw error;
    }
  }

  get peerId(): string {
    return this.#started?.peerId ?? "";
  }

  /** Its multiaddr over plain TCP or WebSocket. */
  address(over: "tcp" | "ws" = "tcp"): string {
    const found = this.#started?.addresses.find((one) => one.includes("/ws") === (over === "ws"));
    if (found === undefined) throw new Error(`the peer does not listen on ${over}`);
    return found;
  }

  /** Its answer; rejects with its error. */
  async ask(what: string, fields: Fields = {}): Promise<Fields> {
    const id = (this.#lastId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<Fields>();
    const timer = setTimeout(() => reject(new Error(`${what}: no answer`)), ANSWER_MS);
    this.#waiting.set(id, { resolve, reject });
    this.#child.stdin.write(`${JSON.stringify({ id, do: what, with: fields })}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #take(line: string): void {
    const said = JSON.parse(line) as { id: number; ok?: Fields; error?: string };
    const waiting = this.#waiting.get(said.id);
    if (said.error === undefined) waiting?.resolve(said.ok ?? {});
    else waiting?.reject(new Error(said.error));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

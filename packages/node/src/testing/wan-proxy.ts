/** A wide-area link made of one TCP proxy, for tests and measurements; it needs no rights of any kind. */

import { createServer, type Server, type Socket, connect } from "node:net";
import { systemClock } from "../clock.ts";
import { seededRandom } from "./seeded-random.ts";
import { WanWay, type WanConditions } from "./wan-way.ts";

/** Forth is from who dials the proxy to the target. */
export type WanDirection = "forth" | "back" | "both";

export interface WanProxyOptions extends Partial<WanConditions> {
  /** TCP port on 127.0.0.1 to pass on to; may be told later by `pointAt`. */
  readonly port?: number | undefined;
  /** Default 1; the same seed gives the same row of jitter. */
  readonly seed?: number | undefined;
}

export interface WanProxy extends AsyncDisposable {
  /** The port it listens on, on 127.0.0.1. */
  readonly port: number;
  /** Its multiaddr, for a node to announce or to dial. */
  readonly address: string;
  /** Connections that stand. */
  readonly connections: number;
  /** Bytes that came out at either end. */
  readonly bytes: { readonly forth: number; readonly back: number };
  pointAt(port: number): void;
  /** Changes some of the conditions from now on, for standing connections too. */
  set(conditions: Partial<WanConditions>): void;
  /** From now on nothing comes out, not even an end; what goes in waits, as behind a pulled cable. */
  blackHole(direction?: WanDirection): void;
  /** Ends the black holes: what waited arrives. */
  heal(): void;
  /** Resets every connection that stands. */
  reset(): void;
}

const perfect: WanConditions = { delayMs: 0, jitterMs: 0, bytesPerSecond: 0 };

/** Opens a link to a TCP port of this machine; dispose it to end its connections. */
export async function wanProxy(options: WanProxyOptions = {}): Promise<WanProxy> {
  const proxy = new Proxy(options);
  await proxy.listen();
  return proxy;
}

class Proxy implements WanProxy {
  readonly #server: Server;
  readonly #forth: WanWay;
  readonly #back: WanWay;
  readonly #sockets = new Set<Socket>();
  #target: number | undefined;
  #port = 0;

  constructor(options: WanProxyOptions) {
    const { port, seed = 1, ...conditions } = options;
    const clock = systemClock();
    this.#target = port;
    this.#forth = new WanWay({ ...perfect, ...conditions }, clock, seededRandom(`${seed} forth`));
    this.#back = new WanWay({ ...perfect, ...conditions }, clock, seededRandom(`${seed} back`));
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#pass(socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => {
        const bound = this.#server.address();
        this.#port = typeof bound === "object" && bound !== null ? bound.port : 0;
        resolve();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `/ip4/127.0.0.1/tcp/${this.#port}`;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  get bytes(): { readonly forth: number; readonly back: number } {
    return { forth: this.#forth.bytes, back: this.#back.bytes };
  }

  pointAt(port: number): void {
    this.#target = port;
  }

  set(conditions: Partial<WanConditions>): void {
    this.#forth.set(conditions);
    this.#back.set(conditions);
  }

  blackHole(direction: WanDirection = "both"): void {
    if (direction !== "back") this.#forth.stop();
    if (direction !== "forth") this.#back.stop();
  }

  heal(): void {
    this.#forth.go();
    this.#back.go();
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forth[Symbol.dispose]();
    this.#back[Symbol.dispose]();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #pass(near: Socket): void {
    if (this.#target === undefined) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: "127.0.0.1", port: this.#target, allowHalfOpen: true, noDelay: true });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    }
    this.#forth.carry(near, far);
    this.#back.carry(far, near);
  }
}

import type { Connection, Stream } from "@libp2p/interface";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { TimerSet } from "../timer-set.ts";
import { waitSignal } from "../waiting.ts";
import { describe } from "./dial-errors.ts";
import type { LinkTable, Twin } from "./links.ts";

const LOOK_MS = 1_000;
/** Those that last are looked at less often. */
const LASTING_MS = 15_000;
const LASTING_LOOK_MS = 5_000;
/** From its decision on both sides have so long to move what they began elsewhere. */
const EMPTYING_MS = 2_000;
/** What the library left there is waited for no longer; what is ours always is. */
const LEFTOVER_MS = 10_000;
const PROOF_MS = 3_000;
const PING = "/ipfs/ping/1.0.0";
/** Connections made to prove an address are ended by who made them. */
const PROOFS = /^\/libp2p\/(?:autonat|dcutr)/u;

export interface TwinsOptions {
  /** The own PeerId. */
  readonly self: string;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
  /** A pair is looked at once its younger one has stood so long. */
  readonly settleMs: number;
  /** Streams of this protocol stand as long as the link does. */
  readonly isStanding: (protocol: string) => boolean;
  /** Is it a stream of ours, not one of the library's? */
  readonly isOurs: (stream: Stream) => boolean;
  readonly leave: (connection: Connection) => void;
  readonly stay: (connection: Connection) => void;
  readonly moveGossip: (peerId: string, to: Connection) => void;
}

/**
 * Two connections to one peer, of dials that crossed: both sides choose the same one, whatever begins goes over it,
 * and the side with the lower PeerId closes the other once nothing is left on it.
 */
export class Twins {
  readonly #options: TwinsOptions;
  readonly #timers: TimerSet;
  readonly #watched = new Set<string>();
  readonly #proven = new WeakSet<Connection>();
  readonly #silent = new WeakSet<Connection>();

  constructor(options: TwinsOptions) {
    this.#options = options;
    this.#timers = new TimerSet(options.clock);
  }

  /** A connection to this peer opened. */
  opened(peerId: string): void {
    if (this.#watched.has(peerId) || this.#options.links.twins(peerId).length < 2) return;
    this.#watched.add(peerId);
    this.#again(peerId, this.#options.settleMs);
  }

  stop(): void {
    this.#timers[Symbol.dispose]();
  }

  #again(peerId: string, ms: number): void {
    const { log } = this.#options;
    this.#timers.after(ms, () => {
      this.#look(peerId).then(
        (nextMs) => {
          if (nextMs === undefined) this.#watched.delete(peerId);
          else this.#again(peerId, nextMs);
        },
        (error: unknown) => {
          this.#watched.delete(peerId);
          log.debug("twins", describe(error), { peer: peerId });
        },
      );
    });
  }

  /** When to look again; undefined once there is nothing left to do. */
  async #look(peerId: string): Promise<number | undefined> {
    const { links, settleMs, self } = this.#options;
    const twins = links.twins(peerId);
    const youngestMs = twins.at(-1)?.ageMs ?? 0;
    if (twins.length < 2) return undefined;
    if (youngestMs < settleMs) return settleMs - youngestMs;
    if (twins.some(({ connection }) => isProof(connection))) return LOOK_MS;
    const kept = this.#choose(twins);
    if (!(await this.#answers(kept))) return LOOK_MS;
    const others = twins.filter(({ connection }) => connection !== kept);
    this.#keep(kept, others);
    if (self < peerId && youngestMs >= settleMs + EMPTYING_MS) {
      for (const twin of others) if (this.#isEmpty(twin)) this.#close(twin.connection);
    }
    return youngestMs < LASTING_MS ? LOOK_MS : LASTING_LOOK_MS;
  }

  /** The one that carries what stands as long as the link; else the dial of the lower PeerId; else the oldest. */
  #choose(twins: readonly Twin[]): Connection {
    const { isStanding, self } = this.#options;
    const rank = (connection: Connection): number => {
      const standing = connection.streams.filter(({ protocol }) => isStanding(protocol)).length;
      const theirs = self < connection.remotePeer.toString() ? "outbound" : "inbound";
      return 2 * standing + (connection.direction === theirs ? 1 : 0);
    };
    const answering = twins.filter(({ connection }) => !this.#silent.has(connection));
    const [first, ...others] = (answering.length > 0 ? answering : twins).map(({ connection }) => connection);
    if (first === undefined) throw new Error("there are no twins");
    return others.reduce((best, one) => (rank(one) > rank(best) ? one : best), first);
  }

  /** Of two one may be dead without a word: it came of a process that was killed, or of another network. */
  async #answers(connection: Connection): Promise<boolean> {
    if (this.#proven.has(connection)) return true;
    using limit = waitSignal(this.#options.clock, { timeoutMs: PROOF_MS });
    try {
      const stream = await connection.newStream(PING, { signal: limit.signal });
      stream.close({ signal: limit.signal }).catch((error: Error) => stream.abort(error));
    } catch (error) {
      // To be told that there is no such protocol is an answer too.
      if (!(error instanceof Error) || error.name !== "UnsupportedProtocolError") {
        this.#silent.add(connection);
        return false;
      }
    }
    this.#proven.add(connection);
    return true;
  }

  #keep(kept: Connection, others: readonly Twin[]): void {
    const { links, stay, leave, moveGossip } = this.#options;
    stay(kept);
    links.prefer(kept);
    for (const { connection } of others) leave(connection);
    moveGossip(kept.remotePeer.toString(), kept);
  }

  /** Nothing is under way on it; a stream that is still opening has no protocol yet. */
  #isEmpty({ connection: { streams }, ageMs }: Twin): boolean {
    const { isOurs, settleMs } = this.#options;
    if (streams.length === 0) return true;
    const isOld = ageMs >= settleMs + LEFTOVER_MS;
    return isOld && streams.every((stream) => stream.protocol !== "" && !isOurs(stream));
  }

  #close(connection: Connection): void {
    const { clock, log } = this.#options;
    void (async () => {
      using limit = waitSignal(clock, { timeoutMs: PROOF_MS });
      await connection.close({ signal: limit.signal });
    })().catch((error: unknown) => {
      log.debug("twins", describe(error), { peer: connection.remotePeer.toString() });
      connection.abort(new Error("there is another connection"));
    });
  }
}

function isProof({ streams }: Connection): boolean {
  return streams.some(({ protocol }) => PROOFS.test(protocol));
}

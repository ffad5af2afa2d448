import type { Connection, Libp2p } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../../clock.ts";
import type { CutDials } from "../snapshot.ts";
import type { Link } from "../transport.ts";
import { waitSignal } from "../waiting.ts";
import { allFailed, cutFailure, DialCounts, type DialFailure } from "../dial-counts.ts";
import { describe, dialFailure } from "./dial-errors.ts";
import type { Gater } from "./gater.ts";
import type { LinkTable } from "./links.ts";

/** How long the link of a peer that dialled us at the same time may need to open, and while somebody is at the door. */
const MEANWHILE_MS = 50;
const AT_THE_DOOR_MS = 1_000;

/** A link that ends sooner was refused. */
const EARLY_MS = 1_000;

export interface DialTarget {
  readonly peerId?: string | undefined;
  readonly addresses: readonly string[];
}

export interface DialsOptions {
  readonly node: Libp2p;
  readonly links: LinkTable;
  readonly gater: Gater;
  readonly clock: Clock;
  readonly linkOf: (connection: Connection) => Link;
}

/** Dials address by address, so that each keeps its own reason, and counts how they end. */
export class Dials {
  readonly #options: DialsOptions;
  readonly #counts = new DialCounts();
  readonly #own = new WeakSet<Connection>();

  constructor(options: DialsOptions) {
    this.#options = options;
  }

  ended(): Readonly<Record<string, number>> {
    return this.#counts.ended();
  }

  cut(): readonly CutDials[] {
    return this.#counts.cut().filter(({ peerId }) => !this.#options.links.has(peerId));
  }

  /**
   * A connection that we dialled is gone. The other side learns our name at the end of the handshake,
   * and its answer to a name it bans is to close.
   */
  closed(connection: Connection): void {
    const { open, close } = connection.timeline;
    const peerId = connection.remotePeer.toString();
    if (!this.#own.has(connection)) return;
    // Turned down over there because another connection stands: that one is what was wanted.
    const isDouble = this.#options.links.connections(peerId).length > 1;
    if (isDouble || (close ?? 0) - open >= EARLY_MS) return this.#counts.held(peerId);
    const address = connection.remoteAddr.toString();
    this.#counts.add({ ...cutFailure, peerId, address, nowMs: this.#options.clock.nowMs() });
  }

  /** @throws PEER_UNREACHABLE with `data.attempts`, PEER_NOT_FOUND. */
  async dial(to: DialTarget, wait: Wait): Promise<Link> {
    const { links, clock } = this.#options;
    const known = to.peerId === undefined ? undefined : links.link(to.peerId);
    if (known !== undefined) return known;
    using limit = waitSignal(clock, wait);
    const attempts: { address: string; reason: string }[] = [];
    for (const address of await this.#addressesOf(to)) {
      const reached = await this.#dialOne(address, to.peerId, limit.signal);
      const peerId = "link" in reached ? reached.link.peerId : reached.peerId;
      this.#counts.add({ result: reached.result, peerId, address, nowMs: clock.nowMs() });
      if ("link" in reached) return reached.link;
      attempts.push({ address, reason: reached.reason });
      if (limit.signal.aborted) break;
    }
    throw allFailed(attempts);
  }

  /** The addresses to try, in order; those libp2p knows when none were given. */
  async #addressesOf(to: DialTarget): Promise<readonly string[]> {
    if (to.addresses.length > 0 || to.peerId === undefined) return to.addresses;
    const known = await this.#options.node.peerStore.get(peerIdFromString(to.peerId)).catch(() => undefined);
    const addresses = (known?.addresses ?? []).map((address) => address.multiaddr.toString());
    if (addresses.length > 0) return addresses;
    throw new ProtocolError("PEER_NOT_FOUND", "no address is known for this peer");
  }

  async #dialOne(text: string, wanted: string | undefined, signal: AbortSignal): Promise<Reached> {
    const { node, gater, linkOf } = this.#options;
    const target = targetOf(text, wanted);
    if ("reason" in target) return target;
    const { address, peerId } = target;
    // On the way to a relayed peer its relay is dialled too.
    using _ = gater.allowDials([peerId ?? "", ...relaysOf(address)]);
    try {
      const connection = await node.dial(address, { signal });
      if (connection.status === "open") {
        this.#own.add(connection);
        return { result: "linked", link: linkOf(connection) };
      }
    } catch (error) {
      const meanwhile = peerId === undefined ? undefined : this.#options.links.link(peerId);
      if (meanwhile !== undefined) return { result: "linked", link: meanwhile };
      if (signal.aborted) return { result: "timeout", reason: "no answer in time", peerId };
      const failure = dialFailure(error);
      if (failure.result !== "cut") return { ...failure, peerId };
    }
    // A connection can close while libp2p still opens it: the other side's gater learns our name only then.
    const link = await this.#linkedMeanwhile(peerId);
    return link === undefined ? { ...cutFailure, peerId } : { result: "linked", link };
  }

  /** Whoever dialled us at the same time turned our dial down: its link opens about now. */
  async #linkedMeanwhile(peerId: string | undefined): Promise<Link | undefined> {
    if (peerId === undefined) return undefined;
    const { links, clock, gater } = this.#options;
    const endMs = clock.monotonicMs() + AT_THE_DOOR_MS;
    do {
      const link = links.link(peerId);
      if (link !== undefined) return link;
      await clock.sleep(MEANWHILE_MS);
    } while (gater.pending > 0 && clock.monotonicMs() < endMs);
    return links.link(peerId);
  }
}

function relaysOf(address: Multiaddr): readonly string[] {
  const components = address.getComponents();
  const circuit = components.findIndex(({ name }) => name === "p2p-circuit");
  return components
    .slice(0, Math.max(0, circuit))
    .flatMap(({ name, value }) => (name === "p2p" ? (value ?? []) : []));
}

type Failed = DialFailure & { readonly peerId?: string | undefined };
type Reached = Failed | { readonly result: "linked"; readonly link: Link };

/** What to dial, or why this text cannot be. */
function targetOf(
  text: string,
  wanted: string | undefined,
): { readonly address: Multiaddr; readonly peerId: string | undefined } | Failed {
  try {
    const address = multiaddr(text);
    const named = address.getComponents().findLast(({ name }) => name === "p2p" || name === "p2p-circuit");
    // A relay's own name is not its guest's.
    const peerId = named?.name === "p2p" ? named.value : undefined;
    if (peerId === undefined) {
      return {
        address: wanted === undefined ? address : address.encapsulate(`/p2p/${wanted}`),
        peerId: wanted,
      };
    }
    if (wanted === undefined || peerId === wanted) return { address, peerId };
    return { result: "wrong-peer", reason: `the address names another peer: ${peerId}` };
  } catch (error) {
    return { result: "bad-address", reason: `not a multiaddr: ${describe(error)}` };
  }
}

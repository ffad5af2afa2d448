import type { Connection } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { ReachView } from "../snapshot.ts";
import { ipOf, isPublicIp } from "./address-rules.ts";
import { describe } from "./dial-errors.ts";
import type { Inside } from "./inside.ts";
import type { LinkTable } from "./links.ts";
import type { ReachSettings } from "./settings.ts";

const HOP = "/libp2p/circuit/relay/0.2.0/hop";
/** Places held at relays while nobody can dial us. */
const RELAYS = 2;
const LOOK_MS = 5_000;

export interface ReachOptions {
  readonly settings: ReachSettings;
  readonly inside: Inside;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly isAnchor: (peerId: string) => boolean;
}

/** Whether others can dial us; where they cannot, places at relays, held by anchors that serve. */
export class Reach {
  readonly #options: ReachOptions;
  #timer: Disposable | undefined;
  #linkedAtMs: number | undefined;
  #relayLimited = 0;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.settings.relay === "off") return;
    const { clock, log, settings } = this.#options;
    const everyMs = Math.min(LOOK_MS, settings.relayAfterMs);
    const look = () => {
      this.#timer = clock.timer(everyMs, look);
      this.#reserve().catch((error: unknown) => log.debug("relay", describe(error)));
    };
    this.#timer = clock.timer(everyMs, look);
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
  }

  /** A connection went; one over a relay whose time or bytes are used up was ended by its relay. */
  closed({ limits }: Connection): void {
    if (limits === undefined) return;
    const spent = (limits.bytes !== undefined && limits.bytes <= 0n) || (limits.seconds ?? 1) <= 0;
    if (spent) this.#relayLimited += 1;
  }

  view(): ReachView {
    return {
      reachable: this.#reachable(),
      relays: this.#relays().size,
      publicAddresses: this.#public().length,
      relayLimited: this.#relayLimited,
    };
  }

  #reachable(): ReachView["reachable"] {
    if (this.#public().length > 0) return "yes";
    const { addressManager } = this.#options.inside;
    const tried = addressManager
      .getAddressesWithMetadata()
      .filter((address) => isPublicIp(ipOf(address.multiaddr) ?? ""))
      .some(({ verified, expires }) => !verified && expires > 0);
    return tried || this.#settled() ? "no" : "unknown";
  }

  /** Linked for so long that somebody could have confirmed an address. */
  #settled(): boolean {
    const { clock, links, settings } = this.#options;
    if (links.size === 0) this.#linkedAtMs = undefined;
    else this.#linkedAtMs ??= clock.monotonicMs();
    return this.#linkedAtMs !== undefined && clock.monotonicMs() - this.#linkedAtMs >= settings.relayAfterMs;
  }

  /** Announced addresses that anyone on the internet could dial. */
  #public(): readonly string[] {
    return this.#options.inside.addressManager
      .getAddresses()
      .filter((address) => isPublicIp(ipOf(address) ?? ""))
      .map((address) => address.toString());
  }

  #relays(): ReadonlySet<string> {
    const relayed = this.#options.inside.transportManager
      .getAddrs()
      .map((address) => /\/p2p\/([^/]+)\/p2p-circuit/u.exec(address.toString())?.[1]);
    return new Set(relayed.filter((peerId) => peerId !== undefined));
  }

  async #reserve(): Promise<void> {
    const { links, isAnchor, inside } = this.#options;
    if (this.#reachable() !== "no") return;
    const held = this.#relays();
    let wanted = RELAYS - held.size;
    for (const { peerId, address, relayed } of links.all()) {
      if (wanted <= 0) return;
      if (relayed || held.has(peerId) || !isAnchor(peerId)) continue;
      const connection = links.connectionTo(peerId);
      const known = connection === undefined ? undefined : await inside.peerStore.get(connection.remotePeer);
      if (known?.protocols.includes(HOP) !== true) continue;
      const bare = address.replace(/\/p2p\/[^/]+$/u, "");
      await inside.transportManager.listen([multiaddr(`${bare}/p2p/${peerId}/p2p-circuit`)]);
      wanted -= 1;
    }
  }
}

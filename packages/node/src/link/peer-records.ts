/** Where peers say they are, signed by themselves: kept while they are linked, told to others. */

import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { isLearnable } from "../network/addresses.ts";
import type { SignedHint, Transport } from "../network/transport.ts";

/** A record and what it says. */
interface PeerRecord {
  /** base64. */
  readonly text: string;
  readonly hint: SignedHint;
}

export interface PeerRecords {
  /** This node's own, as of now. */
  own(): Promise<string>;
  /** What a record says. @throws RECORD_INVALID: no record, or not signed by the peer it is of. */
  open(text: string): Promise<SignedHint>;
  /** Keeps the newest record of a linked peer. */
  keep(record: PeerRecord): void;
  of(peerId: string): string | undefined;
  /** Of linked peers, newest first, spread over the networks they are in. */
  others(except: string): readonly string[];
}

const RECORDS_KEPT = 512;

export interface PeerRecordsOptions {
  readonly transport: Transport;
  /** Are addresses of LANs told and learnt? */
  readonly tellsPrivate: boolean;
}

export function createPeerRecords({ transport, tellsPrivate }: PeerRecordsOptions): PeerRecords {
  /** In the order in which they were shown. */
  const kept = new Map<string, PeerRecord>();
  const isTold = ({ addresses }: SignedHint) => tellsPrivate || addresses.some(isLearnable);
  const dropUnlinked = () => {
    const linked = new Set(transport.links().map((link) => link.peerId));
    for (const peerId of kept.keys()) if (!linked.has(peerId)) kept.delete(peerId);
  };
  return {
    own: async () => Buffer.from(await transport.peerRecord()).toString("base64"),
    async open(text) {
      const bytes = Buffer.from(text, "base64");
      if (bytes.toString("base64") !== text) throw new ProtocolError("RECORD_INVALID", "no base64");
      return await transport.openPeerRecord(bytes);
    },
    keep(record) {
      const { peerId, seq } = record.hint;
      if ((kept.get(peerId)?.hint.seq ?? Number.NEGATIVE_INFINITY) > seq) return;
      kept.delete(peerId);
      if (kept.size >= RECORDS_KEPT) dropUnlinked();
      const oldest = kept.keys().next();
      if (kept.size >= RECORDS_KEPT && !oldest.done) kept.delete(oldest.value);
      kept.set(peerId, record);
    },
    of(peerId) {
      const record = kept.get(peerId);
      return record !== undefined && isTold(record.hint) ? record.text : undefined;
    },
    others(except) {
      dropUnlinked();
      const newest = [...kept.values()].reverse();
      const shown = newest.filter(({ hint }) => hint.peerId !== except && isTold(hint));
      return spread(shown)
        .slice(0, nodeLimits.bootstrapPeers)
        .map(({ text }) => text);
    },
  };
}

/** One of each network in turn, so that no network fills the list. */
function spread(records: readonly PeerRecord[]): readonly PeerRecord[] {
  const byNet = new Map<string, PeerRecord[]>();
  for (const record of records) {
    const net = netOf(record.hint.addresses[0] ?? "");
    byNet.set(net, [...(byNet.get(net) ?? []), record]);
  }
  const rows = [...byNet.values()];
  const longest = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: longest }, (_, at) => rows.flatMap((row) => row.slice(at, at + 1))).flat();
}

/** The /16, or as much of an IPv6 address; the address itself where it has none. */
function netOf(address: string): string {
  const [, four, six] = /^\/ip4\/(\d+\.\d+)\.|^\/ip6\/([0-9a-f]+:[0-9a-f]*)/u.exec(address) ?? [];
  return four ?? six ?? "";
}

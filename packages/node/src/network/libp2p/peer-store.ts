import type { Peer, PeerStore } from "@libp2p/interface";

/** Peers remembered; with more, all are forgotten and learnt again. */
const MAX_PEERS = 4_096;

/**
 * Both ends of every stream write its protocol into the peer store, which reads, decodes and compares the whole peer for
 * it: what is there already is not written again.
 */
export function spareProtocolWrites(store: PeerStore): void {
  const merge = store.merge.bind(store);
  const patch = store.patch.bind(store);
  const save = store.save.bind(store);
  const forget = store.delete.bind(store);
  const known = new Map<string, Peer>();
  const learnt = (peer: Peer): Peer => {
    if (known.size >= MAX_PEERS) known.clear();
    known.set(peer.id.toString(), peer);
    return peer;
  };
  store.merge = async (peerId, data, options) => {
    const peer = known.get(peerId.toString());
    const { protocols, ...rest } = data;
    const isProtocols = protocols !== undefined && Object.keys(rest).length === 0;
    if (peer !== undefined && isProtocols && protocols.every((one) => peer.protocols.includes(one)))
      return peer;
    return learnt(await merge(peerId, data, options));
  };
  store.patch = async (...told) => learnt(await patch(...told));
  store.save = async (...told) => learnt(await save(...told));
  store.delete = async (peerId, options) => {
    known.delete(peerId.toString());
    await forget(peerId, options);
  };
}

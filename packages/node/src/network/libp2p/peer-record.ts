import { peerIdFromPublicKey } from "@libp2p/peer-id";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import type { PrivateKey } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { ProtocolError } from "@gridmesh/protocol";
import type { SignedHint } from "../transport.ts";

/** More than this no record of 16 addresses needs. */
const MAX_BYTES = 4_096;

/** Own addresses as a libp2p signed peer record (RFC 0003); `seq` is Unix ms. */
export async function sealPeerRecord(
  key: PrivateKey,
  addresses: readonly Multiaddr[],
  seq: number,
): Promise<Uint8Array> {
  const record = new PeerRecord({
    peerId: peerIdFromPublicKey(key.publicKey),
    multiaddrs: [...addresses],
    seqNumber: BigInt(seq),
  });
  return (await RecordEnvelope.seal(record, key)).marshal();
}

/** @throws RECORD_INVALID: not an envelope, another's record, a bad signature. */
export async function openPeerRecord(bytes: Uint8Array): Promise<SignedHint> {
  if (bytes.byteLength > MAX_BYTES) throw new ProtocolError("RECORD_INVALID", "a peer record this long");
  try {
    const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN);
    const record = PeerRecord.createFromProtobuf(envelope.payload);
    if (!record.peerId.equals(peerIdFromPublicKey(envelope.publicKey))) {
      throw new ProtocolError("RECORD_INVALID", "the record is of one peer, its signature of another");
    }
    const seq = Number(record.seqNumber);
    if (!Number.isSafeInteger(seq)) throw new ProtocolError("RECORD_INVALID", "no such sequence number");
    const addresses = record.multiaddrs.map((address) => address.toString());
    return { peerId: record.peerId.toString(), addresses, seq };
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new ProtocolError("RECORD_INVALID", "not a signed peer record", { cause: error });
  }
}

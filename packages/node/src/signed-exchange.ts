/** Signed messages between two nodes: what `control/1` and `trade/1` rooms are built on. */

import type { Wait } from "./clock.ts";
import type { Link } from "./network/transport.ts";
import type { Signer } from "@gridmesh/protocol";

export type SignedProtocol = "control" | "trade";

/** A message before its header is made: the type, its recipient and the fields of its body. */
export interface Draft {
  readonly type: string;
  /** agent_id or PeerId of the recipient. */
  readonly recipient_id: string;
  readonly [field: string]: unknown;
}

/** A message that climbed the whole ladder: form, signature, freshness, rate. */
export interface Received {
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
  /** The fields beside the header, as today's schema gives them whatever version was spoken. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly messageId: string;
  /** agent_id of the signer. */
  readonly signerId: string;
  readonly from: Link;
}

export interface SignedExchange {
  /**
   * Handles one message type. A returned draft is sealed by `signer` and sent back with `in_reply_to` set to the
   * message's id; a thrown ProtocolError goes back as error_response.
   */
  handle(
    protocol: SignedProtocol,
    type: string,
    on: (received: Received) => Promise<{ draft: Draft; signer: Signer } | undefined>,
  ): Disposable;
  /**
   * Seals, sends (opening and keeping one stream per peer and protocol) and waits for the answer.
   * @throws the ProtocolError of an error_response; PEER_UNREACHABLE, STREAM_RESET, CALL_TIMEOUT.
   */
  request(
    peerId: string,
    protocol: SignedProtocol,
    draft: Draft,
    options: Wait & { readonly signer: Signer },
  ): Promise<Received>;
  /** Seals and sends; resolves when written. */
  tell(
    peerId: string,
    protocol: SignedProtocol,
    draft: Draft,
    options: Wait & { readonly signer: Signer },
  ): Promise<void>;
}

/** Letters out: one stream, one request, one signed reply; the body's bytes leave as they were made. */

import {
  type BecknAction,
  becknV1,
  decodeReplyHeader,
  encodeBecknHeader,
  parseAuthorization,
  parseBecknBody,
  ProtocolError,
  sameSubscriber,
  selfCertifyingKey,
  signBeckn,
  type Signer,
  toProtocolError,
  verifyAuthorization,
} from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import { ACK_WAIT_MS, BECKN_PROFILE, BECKN_PROTOCOL, type BecknPorts } from "./ports.ts";

/** A request must be complete so soon after its stream was opened, ms. */
const REQUEST_WAIT_MS = 10_000;

/** A frame as it travels: the header's canonical bytes and the body. */
export interface Frame {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

export interface Letter {
  readonly action: BecknAction;
  readonly peerId: string;
  readonly body: Uint8Array;
  readonly signer: Signer;
  /** Whose signature the reply must bear; undefined where nobody in particular is asked (search). */
  readonly to: string | undefined;
}

export interface Carrier {
  /** Signs afresh and sends; resolves on ACK. @throws what a NACK says; PEER_UNREACHABLE, CALL_TIMEOUT, STREAM_RESET. */
  send(letter: Letter, wait?: Wait): Promise<void>;
  /** One signed request and its reply, both as they are. @throws PEER_UNREACHABLE, CALL_TIMEOUT, STREAM_RESET. */
  exchange(peerId: string, request: Frame, wait?: CarryWait): Promise<Frame>;
}

interface CarryWait extends Wait {
  /** Of a signer whose name is not its key; only this node's own agents can be told. */
  readonly publicKey?: Uint8Array | undefined;
}

/** The request header of a body, signed now; its text is what the journal keeps beside the body. */
export function signedHeader(letter: Pick<Letter, "action" | "body" | "signer">, nowMs: number): Uint8Array {
  return encodeBecknHeader({
    v: 1,
    profile: BECKN_PROFILE,
    path: `/${letter.action}`,
    headers: {
      authorization: signBeckn(letter.body, letter.signer, { nowS: nowMs / 1000 }),
      "content-type": "application/json",
    },
  });
}

/**
 * @param parts.receive - answers letters between two agents of this node, by the same road as all others
 * @param parts.sent - told of each letter to another node and its reply
 */
export function createCarrier(
  ports: BecknPorts,
  parts: {
    readonly receive: (frame: Frame, from: string, publicKey?: Uint8Array) => Promise<Frame>;
    readonly sent: (peerId: string, request: Frame, reply: Frame) => void;
  },
): Carrier {
  const { clock } = ports;
  const exchange: Carrier["exchange"] = async (peerId, request, wait = {}) => {
    const limitMs = Math.min(wait.timeoutMs ?? ACK_WAIT_MS, ACK_WAIT_MS);
    using deadline = startDeadline(clock, { ...wait, timeoutMs: limitMs }, limitMs);
    const { signal } = deadline;
    if (peerId === ports.peerId) return until(parts.receive(request, ports.peerId, wait.publicKey), signal);
    const stream = await openStream(ports, peerId, { signal, timeoutMs: limitMs });
    const reply = await exchangeFrames(stream, request, { signal, timeoutMs: deadline.leftMs() });
    parts.sent(peerId, request, reply);
    return reply;
  };
  return {
    exchange,
    async send(letter, wait = {}) {
      const request = { header: signedHeader(letter, clock.nowMs()), body: letter.body };
      readReply(ports, letter, { request, reply: await exchange(letter.peerId, request, wait) });
    },
  };
}

async function exchangeFrames(stream: BoundedStream, request: Frame, wait: Wait): Promise<Frame> {
  try {
    await writeFrames(stream, request, wait);
    const ended = stream.closeWrite(wait);
    // A half that cannot end shows in the read.
    ended.catch(() => undefined);
    const reply = await readFrames(stream, wait);
    // The answer is here: nobody waits for the end of its stream.
    stream.close(wait).catch(() => stream.reset("not closed in time"));
    return reply;
  } catch (error) {
    stream.reset("no reply");
    throw toProtocolError(error, "STREAM_RESET");
  }
}

/** Answers the one request of an inbound stream. */
export async function serveStream(
  ports: BecknPorts,
  stream: BoundedStream,
  options: {
    readonly from: string;
    readonly receive: (frame: Frame, from: string) => Promise<Frame>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { from, receive, signal } = options;
  const wait = { timeoutMs: REQUEST_WAIT_MS, signal };
  try {
    await writeFrames(stream, await receive(await readFrames(stream, wait), from), wait);
    await stream.close(wait);
  } catch (error) {
    const refusal = toProtocolError(error, "STREAM_RESET");
    stream.reset(refusal.code);
    ports.log.debug("beckn.refused", `request not read: ${refusal.message}`, {
      peer: from,
      code: refusal.code,
    });
  }
}

async function readFrames(stream: BoundedStream, wait: Wait): Promise<Frame> {
  const header = await stream.readFrame(wait);
  const body = await stream.readFrame(wait);
  if (!header || !body) throw new ProtocolError("STREAM_RESET", "the stream ended too early");
  return { header, body };
}

async function writeFrames(stream: BoundedStream, frame: Frame, wait: Wait): Promise<void> {
  await stream.writeFrame(frame.header, wait);
  await stream.writeFrame(frame.body, wait);
}

async function openStream(ports: BecknPorts, peerId: string, wait: Wait): Promise<BoundedStream> {
  const { transport } = ports;
  try {
    return await transport.open(peerId, BECKN_PROTOCOL, wait);
  } catch (error) {
    if (toProtocolError(error, "PEER_UNREACHABLE").code !== "PEER_UNREACHABLE") throw error;
  }
  if (ports.connect) await ports.connect(peerId, wait);
  else await transport.dial(await transport.findPeer(peerId, wait), wait);
  return transport.open(peerId, BECKN_PROTOCOL, wait);
}

/** Returns on a proven ACK; a reply without proof counts as none where somebody in particular was asked. */
function readReply(
  ports: BecknPorts,
  letter: Letter,
  frames: { readonly request: Frame; readonly reply: Frame },
): void {
  const { request, reply } = frames;
  const { status, headers } = decodeReplyHeader(reply.header);
  if (headers.signature !== undefined) {
    const proof = verifyAuthorization(headers.signature, reply.body, {
      engine: ports.engine,
      nowS: Math.floor(ports.clock.nowMs() / 1000),
      keyOf: selfCertifyingKey,
      requestSignature: parseAuthorization(authorizationOf(request)).signature,
    });
    if (letter.to !== undefined && !sameSubscriber(proof.subscriberId, letter.to)) {
      throw new ProtocolError("IDENTITY_MISMATCH", "the reply is signed by somebody else");
    }
  }
  const fault = becknV1.decodeAck(parseBecknBody(reply.body));
  if (fault) throw becknV1.errorOf(fault, status);
  if (letter.to !== undefined && headers.signature === undefined) {
    throw new ProtocolError("BECKN_SIGNATURE_INVALID", "an ACK without proof");
  }
}

function authorizationOf(frame: Frame): string {
  const header = JSON.parse(new TextDecoder().decode(frame.header)) as { headers: { authorization: string } };
  return header.headers.authorization;
}

/** A reply as bytes: signed over four lines by the agent that was addressed, if it is here. */
export function replyFrame(options: {
  readonly status: number;
  readonly body: Uint8Array;
  readonly signer: Signer | undefined;
  readonly requestSignature: string | undefined;
  readonly nowMs: number;
}): Frame {
  const { status, body, signer, requestSignature, nowMs } = options;
  const signature =
    signer && requestSignature !== undefined
      ? signBeckn(body, signer, { nowS: nowMs / 1000, requestSignature })
      : undefined;
  const header = encodeBecknHeader({
    v: 1,
    status,
    headers: {
      "content-type": "application/json",
      ...(signature === undefined ? {} : { signature }),
      ...(status === 401
        ? { "www-authenticate": 'Signature realm="beckn",headers="(created) (expires) digest"' }
        : {}),
    },
  });
  return { header, body };
}

/** Header and body as the journal keeps them. */
export function signedBytes(frame: Frame): { readonly header: string; readonly body: string } {
  const text = new TextDecoder();
  return { header: text.decode(frame.header), body: text.decode(frame.body) };
}

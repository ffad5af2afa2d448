/** Letters out: one stream, one request, one signed reply; the body's bytes leave as they were made. */

import {
  type BecknAction,
  type BecknProfile,
  type BecknWire,
  callbackBinding,
  checkReply,
  decodeReplyHeader,
  decodeRequestHeader,
  encodeBecknHeader,
  isCallback,
  parseAuthorization,
  parseBecknBody,
  ProtocolError,
  sameSubscriber,
  selfCertifyingKey,
  signBeckn,
  type Signer,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { becknDigestOf } from "../gate/engine.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Asked } from "./asked.ts";
import { wireOf } from "./messages.ts";
import { ACK_WAIT_MS, BECKN_PROTOCOL, type BecknPorts } from "./ports.ts";

/** A request must be complete so soon after its stream was opened, ms. */
const REQUEST_WAIT_MS = 10_000;

/** A frame as it travels: the header's canonical bytes and the body. */
export interface Frame {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

export interface Letter {
  readonly profile: BecknProfile;
  readonly action: BecknAction;
  /** Its own message_id: what proves an answer to it covers it. */
  readonly messageId: string;
  readonly peerId: string;
  readonly body: Uint8Array;
  readonly signer: Signer;
  /** Whose signature the reply must bear; undefined where nobody in particular is asked (search). */
  readonly to: string | undefined;
  /** Signature of the request it answers; its own then covers that one as well, where the revision knows how. */
  readonly answers?: string | undefined;
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
export function signedHeader(
  letter: Pick<Letter, "profile" | "action" | "body" | "signer" | "answers">,
  nowMs: number,
): Uint8Array {
  const { profile, action, body, signer, answers } = letter;
  const path = wireOf(profile).actions.pathOf(action);
  if (path === undefined) throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `${profile} has no ${action}`);
  return encodeBecknHeader({
    v: 1,
    profile,
    path,
    headers: {
      authorization: signBeckn(body, signer, { ...callbackBinding(profile, answers), nowS: nowMs / 1000 }),
      "content-type": "application/json",
    },
  });
}

/**
 * @param parts.receive - answers letters between two agents of this node, by the same road as all others
 * @param parts.sent - told of each letter to another node and its reply
 * @param parts.asked - told of each request that an answer may be bound to
 */
export function createCarrier(
  ports: BecknPorts,
  parts: {
    readonly receive: (frame: Frame, from: string, publicKey?: Uint8Array) => Promise<Frame>;
    readonly sent: (peerId: string, request: Frame, reply: Frame) => void;
    readonly asked: Pick<Asked, "note">;
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
      if (!isCallback(letter.action)) parts.asked.note(letter.messageId, signatureOf(request));
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
  const wire = wireOf(letter.profile);
  const json = parseBecknBody(reply.body);
  const evidence = checkReply(reply.body, json, {
    engine: ports.engine,
    signature: headers.signature,
    nowS: Math.floor(ports.clock.nowMs() / 1000),
    keyOf: selfCertifyingKey,
    requestSignature: signatureOf(request),
    requestDigest: becknDigestOf(request.body),
    messageId: letter.messageId,
    acceptNfhDigestPrefix: ports.settings?.acceptNfhDigestPrefix,
  });
  const { subscriberId } = evidence;
  if (letter.to !== undefined && subscriberId !== undefined && !sameSubscriber(subscriberId, letter.to)) {
    throw new ProtocolError("IDENTITY_MISMATCH", "the reply is signed by somebody else");
  }
  const fault = wire.decodeAck(json);
  if (fault) throw wire.errorOf(fault, status);
  const wanted = letter.to !== undefined && ports.settings?.ackProof !== "record";
  if (wanted && evidence.proofs.length === 0) {
    throw new ProtocolError("BECKN_SIGNATURE_INVALID", "an ACK without proof");
  }
}

/** The base64 signature that a request bears. */
export function signatureOf({ header }: Pick<Frame, "header">): string {
  return parseAuthorization(decodeRequestHeader(header).headers.authorization).signature;
}

/** ACK or NACK in the words of its request's revision, proven by the agent that was addressed, if it is here. */
export function replyTo(about: {
  readonly wire: BecknWire;
  readonly refusal: ProtocolError | undefined;
  readonly signer: Signer | undefined;
  /** Known once the request's signature has held, its message_id once its context was read. */
  readonly request:
    | { readonly signature: string; readonly digest: string; readonly messageId: string | undefined }
    | undefined;
  readonly nowMs: number;
}): Frame {
  const { wire, refusal, signer, request, nowMs } = about;
  const { messageId, digest: requestDigest } = request ?? {};
  const proof =
    signer && messageId !== undefined && requestDigest !== undefined
      ? { signer, nowS: nowMs / 1000, requestDigest, messageId }
      : undefined;
  return replyFrame({
    status: refusal ? wire.statusOf(refusal) : 200,
    body: wire.encodeAck(refusal && wire.faultOf(refusal), proof),
    signer,
    requestSignature: request?.signature,
    nowMs,
  });
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

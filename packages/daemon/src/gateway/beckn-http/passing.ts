/** A message on its way between HTTP and the mesh: signed here or signed already, its bytes as they came. */

import { type AgentNode, type Log, nodeEngine, type OutsideReply } from "@gridmesh/node";
import {
  becknErrorOf,
  type BecknUri,
  isCallback,
  isProtocolError,
  parseAuthorization,
  ProtocolError,
  readBecknUri,
  signatureWindow,
  toProtocolError,
  verifyBound,
} from "@gridmesh/protocol";
import { type NamedAction, readBody, wireFor } from "./message.ts";
import { allowedPlace, post } from "./outgoing.ts";
import type { SubscriberKeys } from "./subscriber-keys.ts";

/** Beckn waits so long for an ACK. */
const ACK_MS = 5_000;

export interface Passing {
  readonly node: AgentNode;
  /** Origins that bodies are sent to over HTTP. */
  readonly partners: readonly string[];
  readonly keys: SubscriberKeys;
  readonly acceptNfhDigestPrefix: boolean;
}

/** What the one who asked is told. */
export interface Told {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Signs a local program's body as the agent that its context names, and sends it there.
 * @throws IDENTITY_MISMATCH when no agent of this node is named; what the body breaks; what the way there throws.
 */
export async function sendUnsigned(passing: Passing, named: NamedAction, body: Uint8Array): Promise<Told> {
  const { node, partners } = passing;
  const { action } = named;
  const { profile, context } = readBody(body, named);
  const callback = isCallback(action);
  const speaker = (callback ? context.bppId : context.bapId) ?? "";
  const agent = node.agents.list().find(({ agentId }) => agentId === speaker);
  if (agent === undefined) {
    throw new ProtocolError(
      "IDENTITY_MISMATCH",
      `${callback ? "bpp_id" : "bap_id"} "${speaker.slice(0, 80)}" is no agent of this node`,
    );
  }
  const { outside } = node.beckn;
  const message = outside.sign(agent.name, { profile, action, body });
  const uri = (callback ? context.bapUri : context.bppUri) ?? "";
  if (action === "search" || readBecknUri(uri) !== undefined) {
    return toldBy(await outside.send(message, { timeoutMs: ACK_MS }));
  }
  return toldBy(await post(allowedPlace(uri, partners), message, { timeoutMs: ACK_MS }));
}

/**
 * Checks who signed and hands the bytes on: to an agent here, to another node, or as a search to all.
 * @throws BECKN_SIGNATURE_INVALID, BECKN_SUBSCRIBER_UNKNOWN before anything of the body is read.
 */
export async function receiveSigned(
  { node, keys, acceptNfhDigestPrefix }: Passing,
  request: {
    readonly named: NamedAction;
    readonly body: Uint8Array;
    readonly authorization: string | undefined;
    /** The place that the path names, if it does. */
    readonly place?: BecknUri;
  },
): Promise<Told> {
  const { named, body, authorization, place } = request;
  const { action } = named;
  const header = parseAuthorization(authorization);
  const nowS = Math.floor(Date.now() / 1_000);
  const window = signatureWindow(header, nowS);
  // What is too late or too early costs no registry a question.
  if (window !== "open")
    throw new ProtocolError("BECKN_SIGNATURE_INVALID", `the signature's window is ${window}`);
  const publicKey = await keys.find(header.subscriberId, header.keyId);
  if (publicKey === undefined) {
    throw new ProtocolError("BECKN_SUBSCRIBER_UNKNOWN", `no key of ${header.subscriberId}`, {
      data: { beckn: "AUT_KEY_NOT_FOUND" },
    });
  }
  const bound = header.lines === "four" ? node.beckn.outside.requestsFor(body) : [];
  verifyBound(header, body, { engine: nodeEngine(), publicKey, bound, acceptNfhDigestPrefix });
  const { profile, context } = readBody(body, named);
  if (place !== undefined) checkPlace(place, (isCallback(action) ? context.bapUri : context.bppUri) ?? "");
  const message = { profile, action, body, authorization: authorization ?? "" };
  return toldBy(await node.beckn.outside.send(message, { timeoutMs: ACK_MS, publicKey }));
}

/** A NACK in the wire of the request. */
export function refusal(error: unknown, body: Uint8Array, log: Log): Told {
  const known = toProtocolError(error, "INTERNAL_ERROR");
  if (isProtocolError(error)) log.debug("beckn.http", `refused: ${known.message}`, { code: known.code });
  else log.error("beckn.http", `failed: ${String(error)}`);
  const wire = wireFor(body);
  const status = statusOf(known);
  return {
    status,
    body: wire.encodeAck(wire.faultOf(known)),
    ...(status === 401
      ? { headers: { "www-authenticate": 'Signature realm="beckn",headers="(created) (expires) digest"' } }
      : {}),
  };
}

/** What Beckn tells in a callback has no status of its own: over HTTP it was the request that could not be. */
function statusOf({ code }: ProtocolError): number {
  if (code === "FRAME_TOO_LARGE") return 413;
  if (code === "UPSTREAM_FORBIDDEN") return 403;
  return becknErrorOf(code).status ?? 400;
}

function checkPlace(place: BecknUri, uri: string): void {
  const named = readBecknUri(uri);
  if (named?.peerId === place.peerId && named.agent === place.agent && named.side === place.side) return;
  throw new ProtocolError(
    "BECKN_CONTEXT_INVALID",
    `the body is for ${uri.slice(0, 120)}, the path for another`,
  );
}

function toldBy({ status, body, signature }: OutsideReply): Told {
  return { status, body, ...(signature === undefined ? {} : { headers: { signature } }) };
}

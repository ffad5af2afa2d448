/** The ladder every Beckn frame climbs, cheap rungs first: grammar, window, key, signature, and only then the content. */

import {
  agentIdFromKey,
  type AuthorizationHeader,
  type BecknContent,
  type BecknContext,
  type BecknIntent,
  type BecknOpenIntent,
  type BecknProfile,
  type BecknRequestHeader,
  type BecknUri,
  type BecknReading,
  type BecknWire,
  decodeRequestHeader,
  isCallback,
  type JsonValue,
  parseAuthorization,
  parseBecknBody,
  parseBecknUri,
  ProtocolError,
  sameSubscriber,
  selfCertifyingKey,
  signatureWindow,
  verifyAuthorization,
  verifyBound,
} from "@gridmesh/protocol";
import { becknDigestOf } from "../gate/engine.ts";
import type { Asked } from "./asked.ts";
import type { Frame } from "./carrier.ts";
import { networkIdOf, wireOf } from "./messages.ts";
import { type BecknPorts, type LocalAgent, PROFILES } from "./ports.ts";

/** A frame whose signature has held. */
export interface Verified {
  readonly header: BecknRequestHeader;
  /** The header's canonical bytes, as received. */
  readonly headerBytes: Uint8Array;
  readonly authorization: AuthorizationHeader;
  readonly wire: BecknWire;
  readonly body: Uint8Array;
  readonly digest: string;
  /** The signer's agent_id, whatever name it signed under. */
  readonly signerId: string;
}

/** A message understood as far as its context: who says what to whom. */
export interface Opened extends Verified {
  readonly json: JsonValue;
  readonly context: BecknContext;
  /** How closely its context was read, and its content is to be. */
  readonly reading: BecknReading;
}

export interface BecknReceived extends Opened {
  readonly content: BecknContent;
  /** The own agent it is for. */
  readonly to: LocalAgent;
  /** Where the other side takes its messages. */
  readonly sender: BecknUri;
}

export interface VerifyOptions {
  /** Requests that an answer may be bound to; absent: none. */
  readonly asked?: Pick<Asked, "signaturesFor"> | undefined;
  readonly onSigner?: (agentId: string) => void;
  readonly publicKey?: Uint8Array | undefined;
}

/**
 * @param options.onSigner - told who claims to have signed, before that is checked
 * @param options.publicKey - of a signer whose name is not its key
 * @throws MESSAGE_MALFORMED, BECKN_SIGNATURE_INVALID, BECKN_SUBSCRIBER_UNKNOWN, BECKN_DOMAIN_UNSUPPORTED.
 */
export function verifyFrame(ports: BecknPorts, frame: Frame, options: VerifyOptions = {}): Verified {
  const header = decodeRequestHeader(frame.header);
  const authorization = parseAuthorization(header.headers.authorization);
  const window = signatureWindow(authorization, Math.floor(ports.clock.nowMs() / 1000));
  if (window !== "open") {
    // Clocks differ: what is early or late here may be in time elsewhere, so a relay is not to blame for it.
    throw new ProtocolError("BECKN_SIGNATURE_INVALID", `the signature's window is ${window}`, {
      data: { beckn: "AUT_SIGNATURE_INVALID", window },
    });
  }
  const wire = wireOf(header.profile);
  const publicKey = selfCertifyingKey(authorization.subscriberId) ?? options.publicKey;
  if (!publicKey) {
    throw new ProtocolError(
      "BECKN_SUBSCRIBER_UNKNOWN",
      `no key of ${authorization.subscriberId.slice(0, 80)}`,
    );
  }
  const signerId = agentIdFromKey(publicKey);
  options.onSigner?.(signerId);
  const digest = becknDigestOf(frame.body);
  verifyBound(authorization, frame.body, {
    engine: ports.engine,
    publicKey,
    digest,
    bound: authorization.lines === "four" ? (options.asked?.signaturesFor(frame.body) ?? []) : [],
    acceptNfhDigestPrefix: ports.settings?.acceptNfhDigestPrefix,
  });
  checkGateway(ports, header, { body: frame.body, digest });
  return {
    header,
    headerBytes: frame.header,
    authorization,
    wire,
    body: frame.body,
    digest,
    signerId,
  };
}

/** Who passed it on may say so, and must not lie; it gives no rights. @throws BECKN_SIGNATURE_INVALID, BECKN_SUBSCRIBER_UNKNOWN. */
function checkGateway(
  ports: BecknPorts,
  { headers }: BecknRequestHeader,
  { body, digest }: { readonly body: Uint8Array; readonly digest: string },
): void {
  const said = headers["x-gateway-authorization"];
  if (said === undefined) return;
  verifyAuthorization(said, body, {
    engine: ports.engine,
    digest,
    nowS: Math.floor(ports.clock.nowMs() / 1000),
    keyOf: selfCertifyingKey,
    acceptNfhDigestPrefix: ports.settings?.acceptNfhDigestPrefix,
  });
}

/**
 * @param reading - default strict
 * @throws MESSAGE_MALFORMED, BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED, IDENTITY_MISMATCH.
 */
export function openContext(ports: BecknPorts, verified: Verified, reading: BecknReading = "strict"): Opened {
  const json = parseBecknBody(verified.body);
  const context = verified.wire.decodeContext(json, reading);
  if (verified.wire.actions.ruleOfPath(verified.header.path)?.action !== context.action) {
    throw new ProtocolError("BECKN_CONTEXT_INVALID", `action ${context.action} on ${verified.header.path}`, {
      data: { beckn: "CTX_ACTION_MISMATCH" },
    });
  }
  if (context.domain !== ports.domain) {
    throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `domain "${context.domain}"`);
  }
  checkNetwork(ports, context);
  const party = isCallback(context.action) ? (context.bppId ?? "") : context.bapId;
  if (!sameSubscriber(party, verified.authorization.subscriberId)) {
    throw new ProtocolError(
      "IDENTITY_MISMATCH",
      `signed by ${verified.authorization.subscriberId}, not ${party}`,
      {
        data: { beckn: "AUT_UNAUTHORIZED_ACTION" },
      },
    );
  }
  return { ...verified, json, context, reading };
}

/** Revision 2 names its network; version 1 knows none. @throws BECKN_CONTEXT_INVALID. */
function checkNetwork(ports: BecknPorts, { networkId }: BecknContext): void {
  if (networkId === undefined || networkId === networkIdOf(ports)) return;
  if (ports.settings?.networks?.includes(networkId) === true) return;
  throw new ProtocolError("BECKN_CONTEXT_INVALID", `network "${networkId.slice(0, 80)}" is another`, {
    data: { beckn: "CTX_INVALID_FIELD" },
  });
}

/** @throws BECKN_DOMAIN_UNSUPPORTED for a revision that this node's owner did not allow. */
export function checkSpoken(ports: BecknPorts, { wire }: Pick<Verified, "wire">): void {
  if (profilesOf(ports).includes(wire.profile)) return;
  throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `${wire.profile} is not taken here`, {
    data: { beckn: "CTX_VERSION_UNSUPPORTED" },
  });
}

/** Revisions spoken here, the preferred one first. */
export function profilesOf({ settings }: Pick<BecknPorts, "settings">): readonly BecknProfile[] {
  return settings?.profiles ?? PROFILES;
}

/**
 * That an answer is to what was asked. @param asked - digest of the request's body
 * @throws BECKN_CONTEXT_INVALID.
 */
export function checkRequestDigest({ requestDigest }: BecknContext, asked: string): void {
  if (requestDigest === undefined || requestDigest === asked) return;
  throw new ProtocolError("BECKN_CONTEXT_INVALID", "requestDigest is of another request", {
    data: { beckn: "CTX_INVALID_FIELD" },
  });
}

/** @throws BECKN_TTL_EXPIRED. */
export function checkTtl(ports: BecknPorts, context: BecknContext): void {
  if (context.timestampMs + context.ttlMs < ports.clock.nowMs()) {
    throw new ProtocolError("BECKN_TTL_EXPIRED", `${context.action} was to live ${context.ttlMs} ms`);
  }
}

/** The own agent that a message names as its other party. @throws BECKN_SUBSCRIBER_UNKNOWN, BECKN_CONTEXT_INVALID. */
export function addressee(ports: BecknPorts, context: BecknContext): LocalAgent {
  const callback = isCallback(context.action);
  const [id, uriText] = callback ? [context.bapId, context.bapUri] : [context.bppId, context.bppUri];
  const uri = parseBecknUri(uriText ?? "");
  const agent = ports.agents.byName(uri.agent);
  const named = uri.peerId === ports.peerId && uri.side === (callback ? "bap" : "bpp");
  if (!named || !agent || agent.agentId !== id) {
    throw new ProtocolError("BECKN_SUBSCRIBER_UNKNOWN", `${uriText ?? ""} is not here`, {
      data: { beckn: "AUT_SUBSCRIBER_NOT_FOUND" },
    });
  }
  return agent;
}

/** The side a message came from. @throws BECKN_CONTEXT_INVALID. */
export function senderUri(context: BecknContext): BecknUri {
  return parseBecknUri((isCallback(context.action) ? context.bppUri : context.bapUri) ?? "");
}

/**
 * What a search wants and where it takes its answers: whoever passes on what breaks this is held to blame for it.
 * @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID, BECKN_CONTEXT_INVALID.
 */
export function searchOf({ wire, json, context, reading }: Opened): {
  /** Undefined asks for everything; an open one is for programs, agents of a node do not act upon it. */
  readonly intent: BecknIntent | BecknOpenIntent | undefined;
  readonly isOpen: boolean;
  readonly buyerUri: BecknUri;
} {
  const content = wire.decodeContent(json, context, reading);
  const isOpen = content.kind === "openIntent";
  if (content.kind !== "intent" && !isOpen) {
    throw new ProtocolError("SCHEMA_INVALID", "a search without an intent");
  }
  return { intent: content.intent, isOpen, buyerUri: parseBecknUri(context.bapUri) };
}

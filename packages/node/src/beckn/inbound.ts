/** The ladder every Beckn frame climbs, cheap rungs first: grammar, window, key, signature, and only then the content. */

import {
  actionOfPath,
  agentIdFromKey,
  type AuthorizationHeader,
  type BecknContent,
  type BecknContext,
  type BecknIntent,
  type BecknRequestHeader,
  type BecknUri,
  type BecknWire,
  becknWire,
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
  verifySignature,
} from "@gridmesh/protocol";
import { becknDigestOf } from "../gate/engine.ts";
import type { Frame } from "./carrier.ts";
import { BECKN_PROFILE, type BecknPorts, type LocalAgent } from "./ports.ts";

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
}

export interface BecknReceived extends Opened {
  readonly content: BecknContent;
  /** The own agent it is for. */
  readonly to: LocalAgent;
  /** Where the other side takes its messages. */
  readonly sender: BecknUri;
}

export interface VerifyOptions {
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
  const wire = becknWire(header.profile);
  if (wire?.profile !== BECKN_PROFILE)
    throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `${header.profile} is not spoken yet`);
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
  verifySignature(authorization, frame.body, { engine: ports.engine, publicKey, digest });
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

/** @throws MESSAGE_MALFORMED, BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED, IDENTITY_MISMATCH. */
export function openContext(ports: BecknPorts, verified: Verified): Opened {
  const json = parseBecknBody(verified.body);
  const context = verified.wire.decodeContext(json);
  if (actionOfPath(verified.header.path)?.action !== context.action) {
    throw new ProtocolError("BECKN_CONTEXT_INVALID", `action ${context.action} on ${verified.header.path}`, {
      data: { beckn: "CTX_ACTION_MISMATCH" },
    });
  }
  if (context.domain !== ports.domain) {
    throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `domain "${context.domain}"`);
  }
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
  return { ...verified, json, context };
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
export function searchOf({ wire, json, context }: Opened): {
  readonly intent: BecknIntent | undefined;
  readonly buyerUri: BecknUri;
} {
  const content = wire.decodeContent(json, context);
  if (content.kind !== "intent") throw new ProtocolError("SCHEMA_INVALID", "a search without an intent");
  return { intent: content.intent, buyerUri: parseBecknUri(context.bapUri) };
}

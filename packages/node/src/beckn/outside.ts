/** Programs outside that speak Beckn: each stands behind an agent of this node, and their messages pass as they are. */

import {
  decodeReplyHeader,
  encodeBecknFrame,
  encodeBecknHeader,
  decodeRequestHeader,
  isCallback,
  limits,
  parseAuthorization,
  parseBecknBody,
  parseBecknUri,
  ProtocolError,
  selfCertifyingKey,
  signBeckn,
} from "@gridmesh/protocol";
import { startDeadline } from "../deadline.ts";
import type { Asked } from "./asked.ts";
import type { Audit } from "./audit.ts";
import { publishedTo } from "./cause.ts";
import type { Carrier, Frame } from "./carrier.ts";
import { knownSellers, peersOf } from "./known-sellers.ts";
import { checkTtl, type Opened, openContext, searchOf, verifyFrame } from "./inbound.ts";
import { wireOf } from "./messages.ts";
import { Lanes } from "./lanes.ts";
import type { Policy } from "./policy.ts";
import { ACK_WAIT_MS, type BecknPorts, FEW_MESH_PEERS, type LocalAgent } from "./ports.ts";
import type { OutsideExchange, OutsideMessage, OutsideProgram, OutsideReply } from "./types.ts";

/** A program answers before the one who asks stops waiting, ms. */
const PROGRAM_WAIT_MS = 4_000;
/** An ACK is far shorter; a longer reply is asked for again. */
const MAX_KEPT_REPLY_BYTES = 4 * 1024;
const OK_BELOW = 300;
const TOO_MANY = 429;
const FAILED = 500;
/** A reply of such a status says nothing, and every Beckn reply says something. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

export interface OutsideRoom extends OutsideExchange {
  /** The program behind an agent, by the agent's name. */
  programOf(agent: string): OutsideProgram | undefined;
  /** A program is told of a search; what it has to say comes as a call of its own. */
  tell(program: OutsideProgram, seller: LocalAgent, search: Opened): Promise<void>;
}

export interface OutsideParts {
  readonly ports: BecknPorts;
  readonly audit: Audit;
  readonly carrier: Carrier;
  readonly policy: Policy;
  readonly asked: Asked;
  readonly topic: string;
  readonly hearOwn: (frame: Frame) => void;
}

export function createOutside(parts: OutsideParts): OutsideRoom {
  const { ports, carrier } = parts;
  const programs = new Map<string, OutsideProgram>();
  const lanes = new Lanes();

  return {
    programOf: (agent) => programs.get(agent),
    requestsFor: (body) => parts.asked.signaturesFor(body),
    attach(agent, program) {
      if (programs.has(agent)) {
        throw new ProtocolError("AGENT_NAME_TAKEN", `a program stands behind ${agent} already`);
      }
      programs.set(agent, program);
      return {
        [Symbol.dispose]() {
          if (programs.get(agent) === program) programs.delete(agent);
        },
      };
    },
    sign(agent, { profile, action, body }) {
      const local = ports.agents.byName(agent);
      if (local === undefined) throw new ProtocolError("AGENT_NOT_FOUND", `no agent ${agent} here`);
      const authorization = signBeckn(body, local.signer, { nowS: ports.clock.nowMs() / 1_000 });
      const message = { profile, action, body, authorization };
      noteAsked(parts, message);
      return message;
    },
    async send(message, options = {}) {
      const frame = frameOf(message);
      const verified = verifyFrame(ports, frame, { publicKey: options.publicKey, asked: parts.asked });
      const opened = openContext(ports, verified, "tolerant");
      checkTtl(ports, opened.context);
      const isSearch = opened.context.action === "search";
      if (isSearch && isKnown(parts.policy, opened)) return { status: 200, body: opened.wire.encodeAck() };
      // Others count what comes from this node as this node's, whoever signed it.
      parts.policy.admit(isSearch ? "search" : "stream", `outside ${verified.signerId}`);
      if (isSearch) return publish(parts, opened, frame);
      const peerId = peerOf(opened);
      parts.audit.noteMessage(opened.context, "sent");
      noteAsked(parts, message);
      using deadline = startDeadline(ports.clock, options, ACK_WAIT_MS);
      const { signal } = deadline;
      const exchanged = () =>
        carrier.exchange(peerId, frame, { ...options, signal, timeoutMs: deadline.leftMs() });
      return replyOf(await lanes.run(peerId, exchanged, signal));
    },
    async tell(program, seller, search) {
      const fields = { agent: seller.name, transactionId: search.context.transactionId };
      try {
        const { status } = await program(messageOf(search), { timeoutMs: PROGRAM_WAIT_MS });
        if (status >= OK_BELOW) {
          ports.log.debug("beckn.outside", `the program answered a search with ${status}`, fields);
        }
      } catch (error) {
        ports.log.debug("beckn.outside", `the program did not take a search: ${String(error)}`, fields);
      }
    },
  };
}

/**
 * Lets a program answer what is addressed to its agent. A repeat gets what was said to the first, unless the program
 * could not say anything then.
 * @throws UPSTREAM_FAILED when it does not answer in time.
 */
export async function answerOutside(program: OutsideProgram, opened: Opened): Promise<OutsideReply> {
  const { action } = opened.context;
  try {
    return await program(messageOf(opened), { timeoutMs: PROGRAM_WAIT_MS });
  } catch (error) {
    throw new ProtocolError("UPSTREAM_FAILED", `the program behind the agent did not take ${action}`, {
      cause: error,
    });
  }
}

/** Whether a repeat may be given this reply: it tells what the program thinks, not that it could not think now. */
export function isFinal({ status, body }: OutsideReply): boolean {
  return status < FAILED && status !== TOO_MANY && body.length <= MAX_KEPT_REPLY_BYTES;
}

/** A search once more, by whoever it came: it is in the mesh already, and costs its signer nothing of its rate. */
function isKnown(policy: Policy, { signerId, context, digest }: Opened): boolean {
  const seen = policy.seen(signerId, context.messageId, digest);
  if (seen === "other") throw new ProtocolError("ORDER_CONFLICT", "this id was used for another body");
  return seen === "same";
}

/** As much of an agreement as there can be before anybody is asked: the search is in the mesh. */
async function publish(parts: OutsideParts, opened: Opened, frame: Frame): Promise<OutsideReply> {
  const { ports, topic, carrier } = parts;
  if (selfCertifyingKey(opened.authorization.subscriberId) === undefined) {
    throw new ProtocolError(
      "BECKN_SUBSCRIBER_UNKNOWN",
      "a search for the whole mesh is signed by a name that is its own key: ed25519:…, did:key:… or a PeerId",
      { data: { beckn: "AUT_SUBSCRIBER_NOT_FOUND" } },
    );
  }
  // Others hold a search that breaks the form against whoever tells it to them.
  searchOf(opened);
  noteAsked(parts, messageOf(opened));
  const data = encodeBecknFrame(decodeRequestHeader(frame.header), frame.body);
  if (data.length > limits.gossipBytes) {
    throw new ProtocolError("FRAME_TOO_LARGE", `a search of ${data.length} bytes`);
  }
  const { meshPeers = 0 } = ports.transport.snapshot().topics.find((entry) => entry.topic === topic) ?? {};
  const sellers = knownSellers(ports, opened.signerId);
  parts.audit.noteMessage(opened.context, publishedTo({ meshPeers, sellers: sellers.length }));
  await ports.transport.publish(topic, data);
  parts.policy.remember(opened.signerId, opened.context.messageId, opened.digest);
  parts.hearOwn(frame);
  if (meshPeers < FEW_MESH_PEERS) {
    for (const peerId of peersOf(sellers)) {
      // Whoever does not answer hears it by gossip.
      carrier.exchange(peerId, frame).catch(() => undefined);
    }
  }
  return { status: 200, body: opened.wire.encodeAck() };
}

/** @throws BECKN_CONTEXT_INVALID where the other side takes nothing in the mesh. */
function peerOf({ context }: Opened): string {
  return parseBecknUri((isCallback(context.action) ? context.bapUri : context.bppUri) ?? "").peerId;
}

function frameOf({ profile, action, authorization, body }: OutsideMessage): Frame {
  parseAuthorization(authorization);
  const headers = { authorization, "content-type": "application/json" } as const;
  const path = wireOf(profile).actions.pathOf(action);
  if (path === undefined) throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `${profile} has no ${action}`);
  return { header: encodeBecknHeader({ v: 1, profile, path, headers }), body };
}

/** Its answer may bind itself to it. */
function noteAsked({ asked }: OutsideParts, { profile, action, body, authorization }: OutsideMessage): void {
  if (isCallback(action) || profile !== "beckn/2") return;
  const { messageId } = wireOf(profile).decodeContext(parseBecknBody(body), "tolerant");
  asked.note(messageId, parseAuthorization(authorization).signature);
}

function messageOf(opened: Opened): OutsideMessage {
  const { header, body, context } = opened;
  return {
    profile: header.profile,
    action: context.action,
    authorization: header.headers.authorization,
    body,
  };
}

/** @throws UPSTREAM_FAILED for what no HTTP reply can be: its caller would wait on, or read a header that is two. */
function replyOf(frame: Frame): OutsideReply {
  const { status, headers } = decodeReplyHeader(frame.header);
  const { signature } = headers;
  if (status < 200 || BODILESS.has(status)) {
    throw new ProtocolError("UPSTREAM_FAILED", `the other node's reply has status ${status}`);
  }
  try {
    if (signature !== undefined) parseAuthorization(signature);
  } catch (error) {
    throw new ProtocolError("UPSTREAM_FAILED", "the other node's reply bears what is no signature", {
      cause: error,
    });
  }
  return { status, body: frame.body, ...(signature === undefined ? {} : { signature }) };
}

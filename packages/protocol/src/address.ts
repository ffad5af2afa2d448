/** `node:agent/method`: how everything that can be called is named. */

import { ProtocolError } from "./errors.ts";
import { normalizePeerId } from "./identity.ts";
import { limits } from "./limits.ts";

/** What a call goes to; `nodeId` is a PeerId or "local". */
export type Address =
  | { readonly kind: "agent"; readonly nodeId: string; readonly agent: string; readonly method: string }
  | { readonly kind: "capability"; readonly capability: string; readonly method: string }
  | { readonly kind: "node"; readonly nodeId: string; readonly method: string }
  | { readonly kind: "bare"; readonly method: string };

/** An agent without a method. */
export interface AgentReference {
  /** A PeerId or "local". */
  readonly nodeId: string;
  readonly agent: string;
}

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const METHOD = new RegExp(`^[\\x21-\\x7e]{1,${limits.methodChars}}$`);
const RESERVED: ReadonlySet<string> = new Set(["node", "local", "cap"]);
const LOCAL = "local";
const NODE_PREFIX = "node/";

/** May an agent have this name? `node`, `local` and `cap` are taken. */
export function isAgentName(text: string): boolean {
  return NAME.test(text) && !RESERVED.has(text);
}

/** A searchable word, in the grammar of agent names. */
export function isCapability(text: string): boolean {
  return NAME.test(text);
}

/** @throws ADDRESS_INVALID. */
export function parseAddress(text: string): Address {
  if (text.length > limits.addressChars) throw invalid(text, `longer than ${limits.addressChars} characters`);
  if (text.startsWith(NODE_PREFIX)) {
    return { kind: "node", nodeId: LOCAL, method: checkMethod(text, text.slice(NODE_PREFIX.length)) };
  }
  const slash = text.indexOf("/");
  const colon = text.indexOf(":");
  if (colon === -1 || (slash !== -1 && slash < colon)) {
    return { kind: "bare", method: checkMethod(text, text) };
  }
  if (slash === -1) throw invalid(text, "no method");
  const target = text.slice(0, colon);
  const name = text.slice(colon + 1, slash);
  const method = checkMethod(text, text.slice(slash + 1));
  if (target === "cap") {
    if (!isCapability(name)) throw invalid(text, `"${name}" is no capability`);
    return { kind: "capability", capability: name, method };
  }
  const nodeId = checkTarget(text, target);
  if (name === "node") return { kind: "node", nodeId, method };
  if (!isAgentName(name)) throw invalid(text, `"${name}" is no agent name`);
  return { kind: "agent", nodeId, agent: name, method };
}

/** The text `parseAddress` reads back to the same address. */
export function formatAddress(address: Address): string {
  const { kind, method } = address;
  if (kind === "bare") return method;
  if (kind === "capability") return `cap:${address.capability}/${method}`;
  if (kind === "agent") return `${address.nodeId}:${address.agent}/${method}`;
  return address.nodeId === LOCAL ? `node/${method}` : `${address.nodeId}:node/${method}`;
}

/** `PeerId:agent`, `local:agent` or `agent` (a local one). @throws ADDRESS_INVALID. */
export function parseAgentReference(text: string): AgentReference {
  if (text.length > limits.addressChars) throw invalid(text, `longer than ${limits.addressChars} characters`);
  const colon = text.indexOf(":");
  const agent = text.slice(colon + 1);
  if (!isAgentName(agent)) throw invalid(text, `"${agent}" is no agent name`);
  return { nodeId: colon === -1 ? LOCAL : checkTarget(text, text.slice(0, colon)), agent };
}

function checkTarget(text: string, target: string): string {
  if (target === LOCAL) return LOCAL;
  try {
    return normalizePeerId(target);
  } catch (cause) {
    throw invalid(text, `"${target}" is no PeerId of an Ed25519 key`, cause);
  }
}

function checkMethod(text: string, method: string): string {
  if (!METHOD.test(method))
    throw invalid(text, `the method is 1 … ${limits.methodChars} printable ASCII characters`);
  return method;
}

function invalid(text: string, why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("ADDRESS_INVALID", `"${text.slice(0, 120)}" is no address: ${why}`, { cause });
}

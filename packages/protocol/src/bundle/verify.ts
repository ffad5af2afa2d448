/** Whether a bundle proves what it says: offline, by its own bytes alone. */

import { type BecknContext, becknWire, isCallback, parseBecknBody, sameSubscriber } from "../beckn/index.ts";
import { equalBytes } from "../bytes.ts";
import { canonicalBytes, parseCanonical } from "../canonical.ts";
import { verifyDocument } from "../document.ts";
import { isProtocolError } from "../errors.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import type { VerifyEngine } from "../strict-verify.ts";
import { type AskedSignatures, askedIn } from "./asked.ts";
import {
  BUNDLE_TYPE,
  type BundleFrame,
  type BundleOrder,
  type BundlePart,
  bundleSchema,
  type TradeBundle,
} from "./bundle.ts";
import { invalid } from "./invalid.ts";
import { checkOrder } from "./order.ts";
import { type CheckedPart, type CheckedRequest, checkReply, checkRequest } from "./part.ts";
import { checkSelection, type SelectionFrame, type SelectionReport } from "./selection.ts";

export interface BundleReport {
  readonly transactionId: string;
  readonly network: string;
  /** agent_id of the node's key. */
  readonly exporter: string;
  readonly exportedAtMs: number;
  readonly redacted: boolean;
  readonly frames: number;
  /** Signatures that hold, the exporter's own among them. */
  readonly signatures: number;
  readonly orders: readonly Pick<
    BundleOrder,
    "orderId" | "agentId" | "role" | "state" | "amountMicro" | "currency"
  >[];
  /** Absent where the bundle tells of no choice. */
  readonly selection?: SelectionReport;
  /** Who signed two contents under one id: both are in the bundle. */
  readonly equivocations: readonly {
    readonly signer: string;
    readonly action: string;
    readonly messageId: string;
  }[];
}

/** @throws BUNDLE_INVALID naming the first item that does not hold. */
export function verifyBundle(bytes: Uint8Array, engine: VerifyEngine): BundleReport {
  const bundle = readBundle(bytes, engine);
  const said = new Map<string, string>();
  const equivocations: BundleReport["equivocations"][number][] = [];
  let signatures = 1;
  const asked = askedIn(bundle.frames);
  const checked: SelectionFrame[] = [];
  bundle.frames.forEach((frame, index) => {
    const at = `frames[${index}]`;
    const { request, replies, messageId } = checkFrame(bundle, { frame, at, engine, asked });
    signatures += 1 + replies;
    const { atMs, direction } = frame;
    checked.push({ request, digest: frame.request.digest, atMs, incoming: direction === "in" });
    if (messageId === undefined) return;
    const action = request.path.slice(1);
    const key = `${request.signer} ${action} ${messageId}`;
    const known = said.get(key);
    if (known === undefined) said.set(key, frame.request.digest);
    else if (known !== frame.request.digest)
      equivocations.push({ signer: request.signer, action, messageId });
  });
  checkWhole(bundle);
  bundle.orders.forEach((order, index) => {
    signatures += checkOrder(bundle, { order, at: `orders[${index}]`, engine });
  });
  const selection = checkSelection(bundle, checked);
  const { transactionId, network, exporter, exportedAtMs, redacted } = bundle;
  return {
    transactionId,
    network,
    exporter,
    exportedAtMs,
    redacted,
    frames: bundle.frames.length,
    signatures,
    orders: bundle.orders.map(({ orderId, agentId, role, state, amountMicro, currency }) => ({
      orderId,
      agentId,
      role,
      state,
      amountMicro,
      currency,
    })),
    ...(selection === undefined ? {} : { selection }),
    equivocations,
  };
}

function readBundle(bytes: Uint8Array, engine: VerifyEngine): TradeBundle {
  const json = parsed(bytes);
  const read = bundleSchema.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw invalid(issue?.path.join(".") || "bundle", issue?.message ?? "is no bundle");
  }
  const { network } = read.data;
  try {
    const type = BUNDLE_TYPE;
    verifyDocument(json as JsonObject, { type, network, engine, signerField: "exporter" });
  } catch (error) {
    throw invalid("signature", "the exporter's does not hold", error);
  }
  return read.data;
}

function parsed(bytes: Uint8Array): JsonValue {
  // A last line break is what editors and shells add.
  const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length;
  const text = bytes.subarray(0, end);
  try {
    const json = parseCanonical(text);
    if (equalBytes(canonicalBytes(json), text)) return json;
  } catch (error) {
    throw invalid("bundle", "is no canonical JSON", error);
  }
  throw invalid("bundle", "is no canonical JSON");
}

/** Nothing is told twice, from the future, or out of its order; bodies are left out everywhere or nowhere. */
function checkWhole({ frames, orders, redacted, exportedAtMs }: TradeBundle): void {
  frames.forEach(({ atMs, request, reply }, index) => {
    const at = `frames[${index}]`;
    if (atMs > exportedAtMs || atMs < (frames[index - 1]?.atMs ?? 0))
      throw invalid(`${at}.atMs`, "is out of its order");
    checkHidden([request, reply], { at, redacted });
  });
  const known = new Set<string>();
  orders.forEach(({ orderId, buyer, role, order, answer }, index) => {
    const at = `orders[${index}]`;
    const name = `${role} ${buyer} ${orderId}`;
    if (known.has(name)) throw invalid(`${at}.orderId`, "is there twice");
    known.add(name);
    checkHidden([order, answer], { at, redacted });
  });
}

function checkHidden(
  parts: readonly (BundlePart | null | undefined)[],
  { at, redacted }: { readonly at: string; readonly redacted: boolean },
): void {
  for (const part of parts) {
    if (part && (part.body === null) !== redacted)
      throw invalid(at, redacted ? "a body in a redacted bundle" : "a body is left out");
  }
}

interface CheckedFrame {
  readonly request: CheckedRequest;
  readonly replies: number;
  readonly messageId: string | undefined;
}

/**
 * The frame as far as it can be proven, and its signer; undefined where it cannot. What another answered is not allowed
 * to spoil the rest: a reply whose proof does not hold is left out.
 */
export function soundFrame(
  bundle: Pick<TradeBundle, "transactionId">,
  frame: BundleFrame,
  options: { readonly engine: VerifyEngine; readonly asked: AskedSignatures },
): { readonly frame: BundleFrame; readonly signer: string } | undefined {
  const { reply: _reply, ...alone } = frame;
  for (const one of [frame, alone]) {
    try {
      return {
        frame: one,
        signer: checkFrame(bundle, { frame: one, at: "frame", ...options }).request.signer,
      };
    } catch (error) {
      if (!isProtocolError(error)) throw error;
    }
  }
  return undefined;
}

function checkFrame(
  bundle: Pick<TradeBundle, "transactionId">,
  about: {
    readonly frame: BundleFrame;
    readonly at: string;
    readonly engine: VerifyEngine;
    readonly asked: AskedSignatures;
  },
): CheckedFrame {
  const { frame, at, engine, asked } = about;
  const request = checkRequest(frame.request, `${at}.request`, { engine, asked });
  const { created, expires, signature } = request.authorization;
  const atS = frame.atMs / 1_000;
  // Clocks of two nodes may differ by a minute.
  if (atS < created - 60 || atS > expires + 60)
    throw invalid(`${at}.atMs`, "is outside its signature's window");
  const reply =
    frame.reply && checkReply(frame.reply, `${at}.reply`, { engine, requestSignature: signature });
  const context = contextOf(bundle, request, at);
  if (reply !== undefined && context !== undefined) checkReplier(context, reply, at);
  return { request, replies: reply === undefined ? 0 : 1, messageId: context?.messageId };
}

/** Of a search any agent of the node that heard it may tell that it did; all else is answered by whom it names. */
function checkReplier(context: BecknContext, reply: CheckedPart, at: string): void {
  if (context.action === "search") return;
  const party = isCallback(context.action) ? context.bapId : (context.bppId ?? "");
  if (!sameSubscriber(party, reply.signer))
    throw invalid(`${at}.reply`, "is signed by another than was asked");
}

/** What the body says of itself agrees with what it travelled as; undefined where it was left out. */
function contextOf(
  bundle: Pick<TradeBundle, "transactionId">,
  request: CheckedRequest,
  at: string,
): BecknContext | undefined {
  const wire = becknWire(request.profile);
  const action = wire?.actions.ruleOfPath(request.path)?.action;
  if (action === undefined || wire === undefined)
    throw invalid(`${at}.request.header`, "names no action that is spoken");
  if (request.body === undefined) return undefined;
  let context;
  try {
    context = wire.decodeContext(parseBecknBody(request.body));
  } catch (error) {
    throw invalid(`${at}.request.body`, "has no context", error);
  }
  if (context.action !== action)
    throw invalid(`${at}.request.body`, `is of ${context.action}, not ${action}`);
  if (context.transactionId !== bundle.transactionId)
    throw invalid(`${at}.request.body`, "is of another transaction");
  const party = (isCallback(action) ? context.bppId : context.bapId) ?? "";
  if (!sameSubscriber(party, request.authorization.subscriberId)) {
    throw invalid(`${at}.request.body`, "is signed by another than it names");
  }
  return context;
}

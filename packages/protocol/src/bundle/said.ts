/** What a signed body of an order says, read for what it was signed as. */

import {
  type BecknAction,
  type BecknContent,
  type BecknContext,
  type BecknWire,
  becknWire,
  parseBecknBody,
  sameSubscriber,
} from "../beckn/index.ts";
import type { BundleOrder, TradeBundle } from "./bundle.ts";
import { invalid } from "./invalid.ts";
import type { CheckedRequest } from "./part.ts";

export interface Said {
  readonly context: BecknContext;
  readonly content: BecknContent;
}

/**
 * The body as a message of this action between the order's two parties; undefined where it was left out.
 * @throws BUNDLE_INVALID: a select signed by the same hand binds nobody, and an answer to another order neither.
 */
export function saidIn(
  bundle: TradeBundle,
  part: CheckedRequest,
  about: { readonly order: BundleOrder; readonly action: BecknAction; readonly at: string },
): Said | undefined {
  const { order, action, at } = about;
  if (part.path !== `/${action}`) throw invalid(`${at}.header`, `is of ${part.path}, not ${action}`);
  const wire = becknWire(part.profile);
  if (wire === undefined) throw invalid(`${at}.header`, "names a revision that is not spoken");
  if (part.body === undefined) return undefined;
  const { context, content } = readBody(wire, part.body, about);
  if (context.action !== action) throw invalid(`${at}.body`, `is of ${context.action}, not ${action}`);
  if (context.transactionId !== bundle.transactionId)
    throw invalid(`${at}.body`, "is of another transaction");
  if (!sameSubscriber(context.bapId, order.buyer) || !sameSubscriber(context.bppId ?? "", order.seller))
    throw invalid(`${at}.body`, "is between others");
  if (context.preview === true) throw invalid(`${at}.body`, "is a preview, which binds nobody");
  if (context.messageId !== order.orderId) throw invalid(`${at}.body`, "is of another order");
  return { context, content };
}

function readBody(
  wire: BecknWire,
  body: Uint8Array,
  { action, at }: { readonly action: BecknAction; readonly at: string },
): Said {
  try {
    const json = parseBecknBody(body);
    const context = wire.decodeContext(json);
    return { context, content: wire.decodeContent(json, context) };
  } catch (error) {
    throw invalid(`${at}.body`, `is no ${action}`, error);
  }
}

/** Whether the seller took the order, on its very terms. @throws BUNDLE_INVALID. */
export function isAccepted({ content }: Said, order: BundleOrder, at: string): boolean {
  if (content.kind === "fault") return false;
  if (content.kind !== "order") throw invalid(`${at}.body`, "decides nothing");
  const answered = content.order;
  if (answered.status === "CANCELLED") return false;
  if (answered.status !== "ACTIVE" && answered.status !== "COMPLETE")
    throw invalid(`${at}.body`, "decides nothing");
  const same =
    answered.orderId === order.orderId &&
    answered.further === undefined &&
    answered.quantityMilliWh === order.quantityMilliWh &&
    answered.priceMicroPerKWh === order.priceMicroPerKWh &&
    answered.currency === order.currency;
  if (!same) throw invalid(`${at}.body`, "accepts other terms than were ordered");
  return true;
}

/** Why a need was not met, from what was noted of its messages: the first of the causes that holds, in order. */

import { type OrderSummary, readBecknUri } from "@gridmesh/protocol";
import type { TraceLine } from "./types.ts";

/** What a search's line says of the moment at which it was published. */
export function publishedTo(facts: { readonly meshPeers: number; readonly sellers: number }): string {
  return `published: ${facts.meshPeers} in the mesh, ${facts.sellers} sellers known`;
}

export const NOT_TAKEN = "not taken: ";
/** Lines of an order as a whole, beside those of its messages. */
export const ORDER_LINE = "order";

/** A seller does not take the revision of a search. */
export const UNSPOKEN_LINE = "refused search";

const PUBLISHED = /^published: (\d+) in the mesh, (\d+) sellers known$/;

/** Undefined where an order was confirmed, or nothing was asked for here. */
export function causeOf(
  lines: readonly TraceLine[],
  orders: readonly Pick<OrderSummary, "role" | "state" | "orderId">[],
): string | undefined {
  const bought = orders.filter(({ role }) => role === "buyer");
  if (bought.some(({ state }) => state === "COMMITTED" || state === "PAID" || state === "CLOSED"))
    return undefined;
  const searches = lines.filter(({ action, verdict }) => action === "search" && PUBLISHED.test(verdict));
  if (searches.length === 0) return undefined;
  const held = bought.find(({ state }) => state === "HELD");
  if (held !== undefined) {
    return `order ${held.orderId} is held: its confirm has no decision yet, and is sent again until it has one`;
  }
  return unheard(lines, searches) ?? notTaken(lines) ?? refused(lines) ?? unanswered(lines);
}

function unheard(lines: readonly TraceLine[], searches: readonly TraceLine[]): string | undefined {
  if (lines.some(({ action }) => action === "on_search")) return undefined;
  const published = searches.map(({ verdict }) => (PUBLISHED.exec(verdict) ?? []).slice(1).map(Number));
  const most = (index: 0 | 1) => Math.max(...published.map((numbers) => numbers[index] ?? 0));
  const sellers = most(1);
  if (most(0) === 0 && sellers === 0) {
    return "nobody was in the mesh of searches, and no seller was known: gridmesh doctor says whom this node is linked with";
  }
  if (sellers === 0) return "the search went out, but no agent with energy.sell was known to hear it";
  const unspoken = lines.filter(({ action }) => action === UNSPOKEN_LINE);
  if (unspoken.length > 0) {
    const [asked] = [...new Set(unspoken.map(({ verdict }) => verdict))];
    return `${unspoken.length} sellers do not take ${asked ?? ""}: both sides must allow one revision, beckn.profiles`;
  }
  return `none of ${sellers} known sellers offered anything: nothing on sale for this slot at or below the price`;
}

function notTaken(lines: readonly TraceLine[]): string | undefined {
  const offers = lines.filter(({ action }) => action === "offer");
  const tried = lines.some(({ action }) => action === "select" || action === "confirm");
  if (offers.length === 0 || tried) return undefined;
  const counts = new Map<string, number>();
  for (const { verdict } of offers) {
    const why = verdict.slice(NOT_TAKEN.length);
    counts.set(why, (counts.get(why) ?? 0) + 1);
  }
  const reasons = [...counts].sort(([, a], [, b]) => b - a).map(([why, count]) => `${why} (${count})`);
  return `${offers.length} offers came and none was taken: ${reasons.join(", ")}`;
}

/** The last seller's answer; those before it had the same end, or the need would have been met. */
function refused(lines: readonly TraceLine[]): string | undefined {
  const last = lines.findLast(({ action }) => action === ORDER_LINE);
  if (last === undefined) return undefined;
  // An answer may be noted before the word that its question arrived.
  const asked = lines.findLast(
    ({ action, from, to }) => (action.startsWith("on_") ? from : to) === last.to && action !== ORDER_LINE,
  );
  const step = asked === undefined ? "" : `${asked.action.replace(/^on_/, "")} to `;
  return `${step}${readBecknUri(last.to)?.agent ?? last.to}: ${last.verdict}`;
}

function unanswered(lines: readonly TraceLine[]): string | undefined {
  if (!lines.some(({ action }) => action === "on_search")) return undefined;
  return "offers came and no order was made of them: the need was met otherwise, or its time was over";
}

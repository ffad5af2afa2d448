/** Catalogs that programs behind own agents have published: this node answers searches with them in the programs' place. */

import {
  type BecknContent,
  type BecknIntent,
  type BecknOpenCatalog,
  type BecknOpenIntent,
  type BecknOpenOffer,
  type BecknPublishResult,
  openCatalog,
  ProtocolError,
} from "@gridmesh/protocol";
import type { BecknReceived } from "./inbound.ts";
import type { BecknPorts } from "./ports.ts";

/** Of one agent. */
const MAX_CATALOGS = 16;
const MAX_OFFERS = 256;
/** An offer that names no end is told so long, ms. */
const KEPT_MS = 86_400_000;

interface Published {
  readonly catalog: BecknOpenCatalog;
  readonly atMs: number;
}

/** A need as far as it is understood; undefined: everything is asked for. */
export type Need = BecknIntent | BecknOpenIntent | undefined;

export interface Catalogs {
  /** Takes what an own agent's program offers from now on, each catalog in its former one's place. */
  publish(received: Pick<BecknReceived, "content" | "to" | "context">): readonly BecknPublishResult[];
  /** Whether this agent's program has published anything. */
  has(agentId: string): boolean;
  /** What of it meets a need, in its catalogs; none: it keeps silent. */
  meeting(agentId: string, need: Need): readonly BecknOpenCatalog[];
}

export function createCatalogs(ports: Pick<BecknPorts, "market" | "clock" | "log">): Catalogs {
  const byAgent = new Map<string, Map<string, Published>>();
  return {
    publish({ content, to, context }) {
      const known = byAgent.get(to.agentId) ?? new Map<string, Published>();
      byAgent.set(to.agentId, known);
      const kept = context.preview === true ? new Map(known) : known;
      const results = catalogsIn(content).map((catalog): BecknPublishResult => {
        const { catalogId = catalog.seller } = catalog;
        const why = refusalOf(catalog, kept.size - (kept.has(catalogId) ? 1 : 0));
        if (why !== undefined) {
          const fault = { code: "SCH_SCHEMA_VALIDATION_FAILED", message: why };
          return { catalogId, status: "REJECTED", faults: [fault] };
        }
        // One without offers withdraws what was there.
        if (catalog.offers.length === 0) kept.delete(catalogId);
        else kept.set(catalogId, { catalog, atMs: ports.clock.nowMs() });
        return { catalogId, status: "ACCEPTED" };
      });
      const accepted = results.filter(({ status }) => status === "ACCEPTED").length;
      const fields = { agent: to.name, catalogs: accepted };
      ports.log.info("trade.published", `${accepted} of ${results.length} catalogs published`, fields);
      return results;
    },
    has: (agentId) => (byAgent.get(agentId)?.size ?? 0) > 0,
    meeting(agentId, need) {
      const now = { marketMs: ports.market.nowMs(), wallMs: ports.clock.nowMs() };
      return [...(byAgent.get(agentId)?.values() ?? [])].flatMap(({ catalog, atMs }) => {
        const offers = catalog.offers.filter((offer) => isOpen(offer, atMs, now) && meets(offer, need));
        return offers.length === 0 ? [] : [{ ...catalog, offers }];
      });
    },
  };
}

/** @throws SCHEMA_INVALID. */
function catalogsIn(content: BecknContent): readonly BecknOpenCatalog[] {
  if (content.kind === "publish") return content.catalogs.map(openCatalog);
  if (content.kind === "openCatalog") return content.catalogs;
  throw new ProtocolError("SCHEMA_INVALID", "publish holds catalogs");
}

function refusalOf(catalog: BecknOpenCatalog, others: number): string | undefined {
  if (catalog.offers.length > MAX_OFFERS) return `more than ${MAX_OFFERS} offers`;
  if (others >= MAX_CATALOGS && catalog.offers.length > 0) return `more than ${MAX_CATALOGS} catalogs`;
  return undefined;
}

function isOpen(
  { untilMs, window, intervals }: BecknOpenOffer,
  publishedAtMs: number,
  now: { readonly marketMs: number; readonly wallMs: number },
): boolean {
  const endMs = window && window.startMs + window.durationMs * Math.max(1, intervals.length);
  const lastMs = untilMs ?? endMs;
  return lastMs === undefined ? now.wallMs < publishedAtMs + KEPT_MS : now.marketMs < lastMs;
}

/** What is not said on either side stands in nobody's way; words that nobody here understands meet nothing. */
function meets(offer: BecknOpenOffer, need: Need): boolean {
  if (need === undefined) return true;
  const wanted = "slot" in need ? { ...need, ...windowOf(need) } : need;
  if ("words" in wanted && wanted.words !== undefined && wanted.window === undefined) return false;
  return (
    agree(wanted.area, offer.area) &&
    agree(wanted.currency, offer.currency) &&
    isAffordable(offer, wanted.maxPriceMicroPerKWh) &&
    overlap(wanted.window, offer)
  );
}

function agree(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

function isAffordable({ intervals }: BecknOpenOffer, most: number | undefined): boolean {
  if (most === undefined || intervals.length === 0) return true;
  return intervals.some(({ priceMicroPerKWh: price }) => price === undefined || price <= most);
}

function overlap(wanted: BecknOpenIntent["window"], { window, intervals }: BecknOpenOffer): boolean {
  if (wanted === undefined || window === undefined) return true;
  const endMs = window.startMs + window.durationMs * Math.max(1, intervals.length);
  return window.startMs < wanted.startMs + wanted.durationMs && wanted.startMs < endMs;
}

function windowOf({ slot }: BecknIntent) {
  return { window: { startMs: slot.startS * 1_000, durationMs: slot.durationS * 1_000 }, area: slot.area };
}

/** Areas as a tree of names, what a path through it costs, and how much may cross each border. */

import { amountMicro, ProtocolError } from "@gridmesh/protocol";

export interface AreaRules {
  readonly kPermille: number;
  /** Per kWh that enters or crosses the area; ≥ 0. */
  readonly feeMicroPerKWh: number;
}

/** Most that may enter and leave an area in the slot, mWh. */
export interface AreaLimit {
  readonly importMilliWh: number;
  readonly exportMilliWh: number;
}

export interface AreaFee {
  readonly area: string;
  /** Who pays it: the buyer on top of the price, or the seller out of it. */
  readonly side: "buyer" | "seller";
  readonly feeMicro: number;
}

/** The area before the last dot; undefined at the root. */
export function parentOf(area: string): string | undefined {
  const dot = area.lastIndexOf(".");
  return dot === -1 ? undefined : area.slice(0, dot);
}

/** The area itself, its parent and so on up to the root. */
export function chainOfAreas(area: string): string[] {
  const chain: string[] = [];
  for (let at: string | undefined = area; at !== undefined; at = parentOf(at)) chain.push(at);
  return chain;
}

/** The lowest area that holds both; undefined in two trees. */
export function meetingArea(a: string, b: string): string | undefined {
  const above = new Set(chainOfAreas(b));
  return chainOfAreas(a).find((area) => above.has(area));
}

/** Areas on the way from an area up to another, that one left out. */
function below(area: string, top: string): string[] {
  const chain = chainOfAreas(area);
  return chain.slice(0, chain.indexOf(top));
}

/** What areas charge. */
export class FeeTable {
  readonly #rules: ReadonlyMap<string, AreaRules>;

  constructor(rules: ReadonlyMap<string, AreaRules>) {
    this.#rules = rules;
  }

  /** @throws SLOT_INVALID for an area without rules. */
  rulesOf(area: string): AreaRules {
    const rules = this.#rules.get(area);
    if (rules === undefined) throw new ProtocolError("SLOT_INVALID", `area "${area}" has no rules`);
    return rules;
  }

  /** Per kWh between two who meet in `top`: each area on the path once. */
  pathFee(buyerArea: string, sellerArea: string, top: string): number {
    const areas = [...below(buyerArea, top), ...below(sellerArea, top), top];
    return areas.reduce((sum, area) => sum + this.rulesOf(area).feeMicroPerKWh, 0);
  }

  /**
   * Fees of a trade at `price`, wherever it cleared: neighbours whose least fills kept them apart at home may meet again
   * further up, and still use only the lines between them. Each is the step between two amounts, so that price and fees add up
   * to the rounded amount at the full price, never over a limit.
   */
  feesOf(trade: {
    readonly buyerArea: string;
    readonly sellerArea: string;
    readonly qtyMilliWh: number;
    readonly price: number;
  }): AreaFee[] {
    const { buyerArea, sellerArea, qtyMilliWh, price } = trade;
    const top = meetingArea(buyerArea, sellerArea);
    if (top === undefined) return [];
    const steps = (areas: readonly string[], side: "buyer" | "seller"): AreaFee[] => {
      const sign = side === "buyer" ? 1 : -1;
      let reached = price;
      return areas.map((area) => {
        const next = reached + sign * this.rulesOf(area).feeMicroPerKWh;
        const step = amountMicro(qtyMilliWh, next) - amountMicro(qtyMilliWh, reached);
        reached = next;
        return { area, side, feeMicro: Math.abs(step) };
      });
    };
    const buyers = below(buyerArea, top).reverse();
    const sellers = [top, ...below(sellerArea, top).reverse()];
    return [...steps(buyers, "buyer"), ...steps(sellers, "seller")];
  }
}

/** What may still cross the borders of areas. */
export class Borders {
  readonly #left: Map<string, { importMilliWh: number; exportMilliWh: number }>;

  constructor(limits: ReadonlyMap<string, AreaLimit>) {
    this.#left = new Map([...limits].map(([area, limit]) => [area, { ...limit }]));
  }

  /** Most that may still leave the area upward as bids (import) or asks (export). */
  left(area: string, side: "bid" | "ask"): number {
    const limit = this.#left.get(area);
    if (limit === undefined) return Number.MAX_SAFE_INTEGER;
    return side === "bid" ? limit.importMilliWh : limit.exportMilliWh;
  }

  /** Most that may go between two who meet in `top`. */
  between(buyerArea: string, sellerArea: string, top: string): number {
    const imports = below(buyerArea, top).map((area) => this.left(area, "bid"));
    const exports = below(sellerArea, top).map((area) => this.left(area, "ask"));
    return Math.min(Number.MAX_SAFE_INTEGER, ...imports, ...exports);
  }

  /** Takes what goes between them off every border it crosses. */
  cross(
    {
      buyerArea,
      sellerArea,
      top,
    }: { readonly buyerArea: string; readonly sellerArea: string; readonly top: string },
    qtyMilliWh: number,
  ): void {
    for (const area of below(buyerArea, top)) this.#take(area, "importMilliWh", qtyMilliWh);
    for (const area of below(sellerArea, top)) this.#take(area, "exportMilliWh", qtyMilliWh);
  }

  #take(area: string, way: keyof AreaLimit, qtyMilliWh: number): void {
    const limit = this.#left.get(area);
    if (limit !== undefined) limit[way] -= qtyMilliWh;
  }
}

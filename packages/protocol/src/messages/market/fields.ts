/** Field shapes of the market's messages and documents; made when the first of them comes or goes. */

import * as z from "zod";
import { once } from "../../once.ts";
import { MAX_MICRO, MAX_MICRO_PER_KWH, MAX_MILLI_WH } from "../../quantity.ts";
import { agentId, cid, count, signature } from "../fields.ts";

/** Most orders or commitments of one agent in one slot. */
export const MAX_MARKET_ORDERS = 16;
/** Most agents in one list; longer ones are named by CID. */
export const MAX_MARKET_LIST = 256;
const MAX_CONDITIONS = 8;
const MAX_PARTNERS = 16;
/** A tree of 2^40 leaves has no longer path. */
const MAX_PATH = 40;
const MAX_TERM = 1_000;
const MAX_ROUND = 1_000_000;

const basics = once(() => ({
  slotId: z.string().min(1).max(96),
  /** sha256: commitments, roots and hashes of documents. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  milliWh: z.int().min(0).max(MAX_MILLI_WH),
  price: z.int().min(-MAX_MICRO_PER_KWH).max(MAX_MICRO_PER_KWH),
  /** 0 is the round of the supervisors' results. */
  round: z.int().min(0).max(MAX_ROUND),
  /** Where a list lies that does not fit. */
  listCid: cid.optional(),
}));

/** An order as it is committed and revealed; its id is the commitment. */
const marketOrder = once(() => {
  const { slotId, hash, milliWh, price } = basics();
  const source = z.enum(["SOLAR", "BATTERY", "GRID", "HYBRID", "RENEWABLE"]);
  const condition = z.strictObject({
    qtyMilliWh: milliWh.min(1),
    limitMicroPerKWh: price,
    partners: z.array(agentId).max(MAX_PARTNERS).optional(),
    sources: z.array(source).max(5).optional(),
    areas: z.array(z.string().min(1).max(64)).max(MAX_PARTNERS).optional(),
    maxFeeMicroPerKWh: price.optional(),
  });
  return z.strictObject({
    agentId,
    side: z.enum(["bid", "ask"]),
    slotId,
    rulesHash: hash,
    qtyMilliWh: milliWh.min(1),
    limitMicroPerKWh: price,
    minFillMilliWh: milliWh,
    source: source.optional(),
    anyOf: z.array(condition).max(MAX_CONDITIONS).optional(),
  });
});

/** What traders and supervisors sign. */
export const statements = once(() => {
  const { slotId, hash, milliWh, price } = basics();
  const term = z.int().min(1).max(MAX_TERM);
  const statement = { supervisor: agentId, slotId, rulesHash: hash, term, count, signature };
  return {
    reveal: z.strictObject({
      agentId,
      slotId,
      orderId: hash,
      order: marketOrder(),
      /** base64 of 32 bytes. */
      salt: z.string().length(44),
      signature,
    }),
    receipt: z.strictObject({
      supervisor: agentId,
      slotId,
      of: z.enum(["commit", "reveal"]),
      commitments: z.array(hash).min(1).max(MAX_MARKET_ORDERS),
      signature,
    }),
    gate: z.strictObject({ ...statement, commitRoot: hash }),
    result: z.strictObject({
      ...statement,
      priceMicroPerKWh: price.nullable(),
      loMicroPerKWh: price.nullable(),
      hiMicroPerKWh: price.nullable(),
      volumeMilliWh: milliWh,
      welfareMicro: z.int().min(-MAX_MICRO).max(MAX_MICRO),
      orderRoot: hash,
      tradesRoot: hash,
    }),
  };
});

/** What those on the roll sign to end a slot. */
export const ballots = once(() => {
  const { slotId, hash, round } = basics();
  const ballot = { agentId, slotId, rulesHash: hash, round, signature };
  /** An ack names a result, a void none: the vote itself holds that. */
  const value = { vote: z.enum(["ack", "void"]), resultHash: hash.optional() };
  const vote = z.strictObject({
    ...ballot,
    ...value,
    reason: z.enum(["no_result", "refused"]).optional(),
    proposalHash: hash.optional(),
  });
  const lock = z.strictObject({ ...ballot, ...value });
  const report = z.strictObject({
    ...ballot,
    first: z.strictObject(value).optional(),
    lock: z.strictObject({ ...value, round }).optional(),
  });
  const certificate = z.array(vote).max(MAX_MARKET_LIST);
  const reports = z.array(report).min(1).max(MAX_MARKET_LIST);
  return {
    vote,
    lock,
    report,
    certificate,
    proposal: z.strictObject({ ...ballot, ...value, reports, certificate }),
    end: z.strictObject({
      slotId,
      rulesHash: hash,
      end: z.enum(["FINAL", "VOID"]),
      resultHash: hash.optional(),
      acks: certificate.min(1).optional(),
      locks: z.array(lock).min(1).max(MAX_MARKET_LIST).optional(),
    }),
  };
});

/** Places in Merkle trees. */
export const places = once(() => {
  const { hash } = basics();
  const inclusion = z.strictObject({ index: count, path: z.array(hash).max(MAX_PATH) });
  const absence = (content: z.ZodType) => {
    const neighbour = inclusion.extend({ content }).optional();
    return z.strictObject({ before: neighbour, after: neighbour });
  };
  return { inclusion, absence };
});

export { basics };

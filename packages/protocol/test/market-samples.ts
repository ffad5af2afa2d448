/** One or two messages of the market of every type. */

import { createHash } from "node:crypto";
import { type JsonObject, signDocument, type Signer, toBase64 } from "@gridmesh/protocol";
import { executor, INPUT_CID, requester, RESULT_CID, type Sample } from "./sample-facts.ts";

const network = "testnet-vectors";
const slotId = "city.feeder-1/1640995200/900";
const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const rulesHash = hash("rules");
const resultHash = hash("result");
const trader = { agentId: requester.agentId, slotId, rulesHash };

function signed(type: string, fields: JsonObject, signer: Signer = requester): JsonObject {
  return signDocument(fields, { type, network, signer });
}

const order = {
  agentId: requester.agentId,
  side: "bid",
  slotId,
  rulesHash,
  qtyMilliWh: 1_500_000,
  limitMicroPerKWh: 250_000,
  minFillMilliWh: 0,
  anyOf: [
    { qtyMilliWh: 1_000_000, limitMicroPerKWh: 260_000, sources: ["SOLAR"], maxFeeMicroPerKWh: 10_000 },
    { qtyMilliWh: 1_500_000, limitMicroPerKWh: 250_000 },
  ],
};
const reveal = signed("order_reveal", {
  agentId: requester.agentId,
  slotId,
  orderId: hash("order"),
  order,
  salt: toBase64(new Uint8Array(32).fill(5)),
});
const receipt = signed(
  "order_receipt",
  { supervisor: executor.agentId, slotId, of: "commit", commitments: [hash("order")] },
  executor,
);
const statement = { supervisor: executor.agentId, slotId, rulesHash, term: 1, count: 1 };
const gate = signed("gate_close", { ...statement, commitRoot: hash("commitments") }, executor);

function result(volumeMilliWh: number): JsonObject {
  const figures = {
    priceMicroPerKWh: 180_000,
    loMicroPerKWh: 110_000,
    hiMicroPerKWh: 250_000,
    volumeMilliWh,
    welfareMicro: 210_000,
    orderRoot: hash("orders"),
    tradesRoot: hash("trades"),
  };
  return signed("clearing_result", { ...statement, ...figures }, executor);
}

const ack = signed("auction_vote", { ...trader, round: 0, vote: "ack", resultHash });
const nothing = signed("auction_vote", { ...trader, round: 0, vote: "void", reason: "no_result" });
const later = signed("auction_vote", { ...trader, round: 2, vote: "void", proposalHash: hash("proposal") });
const lock = signed("auction_lock", { ...trader, round: 0, vote: "ack", resultHash });
const report = signed("auction_report", {
  ...trader,
  round: 1,
  first: { vote: "ack", resultHash },
  lock: { vote: "ack", resultHash, round: 0 },
});
const proposal = signed("auction_proposal", {
  ...trader,
  round: 1,
  vote: "ack",
  resultHash,
  reports: [report],
  certificate: [ack],
});

function by(from: Sample["from"], body: Sample["body"]): Sample {
  return { from, published: true, body };
}

export function marketSamples(): Readonly<Record<string, readonly Sample[]>> {
  return {
    order_commit: [by("requester", { slotId, rulesHash, commitments: [hash("order"), hash("another")] })],
    order_receipt: [{ from: "executor", body: { receipt } }],
    gate_close: [
      by("executor", { gate, commitments: [hash("order")] }),
      by("executor", { gate, commitmentsCid: INPUT_CID }),
    ],
    order_reveal: [by("requester", { reveals: [reveal] })],
    clearing_result: [
      by("executor", { result: result(1_500_000), ordersCid: INPUT_CID, tradesCid: RESULT_CID }),
    ],
    clearing_ack: [by("requester", { vote: ack }), by("requester", { vote: ack, again: true })],
    void_vote: [by("requester", { vote: nothing }), by("requester", { vote: later })],
    vote_lock: [by("requester", { lock })],
    vote_report: [by("requester", { report, certificate: [ack] })],
    vote_proposal: [by("requester", { proposal })],
    clearing_final: [
      { from: "requester", body: { end: { slotId, rulesHash, end: "FINAL", resultHash, locks: [lock] } } },
    ],
    fraud_proof: [
      by("requester", {
        proof: {
          kind: "equivocation",
          type: "clearing_result",
          documents: [result(1_500_000), result(1_500_001)],
        },
      }),
      by("requester", {
        proof: {
          kind: "broken_vote",
          ballots: [
            { type: "auction_vote", document: ack },
            { type: "auction_vote", document: nothing },
          ],
        },
      }),
    ],
  };
}

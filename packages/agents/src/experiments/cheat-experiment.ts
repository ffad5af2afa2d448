/** E7: nine ways to cheat, with real keys and signatures. */

import { cheatExperiment, createAuction, type MarketRules } from "@gridmesh/energy";
import { drawn } from "./data.ts";
import { type ExperimentRun, figureOf } from "./experiment.ts";
import { engine, signerOf } from "./keys.ts";

const TRADERS = 7;
const SUPERVISORS = 4;

const times = {
  commitS: 120,
  closeS: 115,
  revealS: 100,
  resultS: 90,
  ackS: 70,
  finalS: 10,
};

export const cheat: ExperimentRun = ({ seed, quick }) => {
  const traders = Array.from({ length: TRADERS }, (_, index) => signerOf(10 + index));
  const supervisors = Array.from({ length: SUPERVISORS }, (_, index) => signerOf(100 + index));
  const rules: MarketRules = {
    area: "city",
    mechanism: "call-uniform",
    durationS: 900,
    ...times,
    kPermille: 500,
    minMicroPerKWh: 0,
    maxMicroPerKWh: 1_000_000,
    tickMicro: 1,
    feeMicroPerKWh: 1_000,
    maxOrdersPerAgent: 16,
    roll: traders.map(({ agentId }, index) => ({ agent_id: agentId, meter_id: `m${index}` })),
    supervisors: supervisors.map(({ agentId }) => agentId),
    version: 1,
  };
  const auction = createAuction({
    network: "experiment",
    slotId: "city/900/900",
    rules,
    supervisors,
    engine,
  });
  const rows = cheatExperiment({ auction, traders, stranger: signerOf(200), seed, times: quick ? 10 : 100 });
  const figures = rows.flatMap(({ kind, tried, found, falseAlarms }) => [
    figureOf(`${kind}: found and convicted`, { value: found, unit: `of ${tried}` }, [tried, tried]),
    figureOf(`${kind}: false alarms`, { value: falseAlarms, unit: `of ${tried}` }, [0, 0]),
  ]);
  return Promise.resolve({
    tables: [{ title: "cheat", dataset: drawn("random auctions", seed), figures }],
    claims: [],
    notes: [
      "Documents, keys and signatures are real, the network is not part of it: one who watched holds all documents, and convicts before one who holds the proof alone.",
      "A false meter is found per feeder only: the meters' sum against the feeder's head, within 2 %.",
    ],
  });
};

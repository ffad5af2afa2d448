/** E7: nine ways to cheat, with real keys and signatures. */

import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signNative,
  verify as verifyNative,
} from "node:crypto";
import { cheatExperiment, createAuction, type MarketRules } from "@gridmesh/energy";
import { agentIdFromKey, passesGate, type Signer, type VerifyEngine } from "@gridmesh/protocol";
import { drawn } from "./data.ts";
import { type ExperimentRun, figureOf } from "./experiment.ts";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const RAW_BYTES = 32;
const TRADERS = 7;
const SUPERVISORS = 4;

/** Keys that are the same in every run: they guard nothing. */
function signerOf(first: number): Signer {
  const seed = Uint8Array.from({ length: RAW_BYTES }, (_, index) => (first + index) & 0xff);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(-RAW_BYTES));
  return {
    agentId: agentIdFromKey(publicKey),
    publicKey,
    sign: (bytes) => new Uint8Array(signNative(null, bytes, key)),
  };
}

const keys = new Map<string, KeyObject>();
const engine: VerifyEngine = (signature, message, publicKey) => {
  if (!passesGate(signature, publicKey)) return false;
  const name = Buffer.from(publicKey).toString("hex");
  const key =
    keys.get(name) ??
    createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
  keys.set(name, key);
  return verifyNative(null, message, key, signature);
};

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

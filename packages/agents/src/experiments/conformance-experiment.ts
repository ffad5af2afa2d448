/** E6: files of known answers, each with how many of its cases hold. */

import {
  batteryConformance,
  clearingConformance,
  type ConformanceResult,
  curveConformance,
  examplesConformance,
  feederConformance,
  gsyConformance,
  othersReach,
  readDataFolder,
} from "@gridmesh/energy";
import { ProtocolError } from "@gridmesh/protocol";
import { findFile, type FoundFile } from "./data.ts";
import { type ExperimentRun, type ExperimentTable, figureOf } from "./experiment.ts";

const HOME_FILES = ["homes_hourly.csv", "environment_hourly.csv", "homes.json"];

/** What a file of this name holds; another name of files has no meaning here. */
const checks: Readonly<
  Record<string, (file: FoundFile, data: string | undefined) => readonly ConformanceResult[] | string>
> = {
  "clearing_cases.json": ({ text }) => [clearingConformance(text), gsyConformance(text)],
  "published_examples.json": ({ text }) => [examplesConformance(text)],
  "vectors.json": ({ text }) => [curveConformance(text)],
  "feeder_voltage.json": ({ text }) => [feederConformance(text)],
  "battery_lp.json": ({ text }, data) => {
    const files = HOME_FILES.flatMap((name) => {
      const file = findFile(data, name);
      return file === null ? [] : [[name, file.text] as const];
    });
    if (files.length < HOME_FILES.length) return "battery_lp.json needs the homes it was made for, in --data";
    return [batteryConformance(text, readDataFolder(Object.fromEntries(files)))];
  },
};

function tableOf(file: FoundFile, results: readonly ConformanceResult[]): ExperimentTable {
  const figures = results.map(({ file: name, passed, total }) =>
    figureOf(`${name}: passed`, { value: passed, unit: `of ${total}` }, [total, total]),
  );
  const others = file.name === "clearing_cases.json" ? othersReach(file.text) : [];
  const reach = others.map(({ engine, reached, total }) =>
    figureOf(`optima reached by ${engine}`, { value: reached, unit: `of ${total}` }),
  );
  return {
    title: file.name,
    dataset: { name: file.name, sha256: file.sha256 },
    figures: [...figures, ...reach],
  };
}

export const conformance: ExperimentRun = ({ oracles, data }) => {
  const folder = oracles ?? data;
  if (folder === undefined)
    throw new ProtocolError("INVALID_PARAMS", "conformance needs --oracles DIR, a folder of known answers");
  const tables: ExperimentTable[] = [];
  const notes: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    const file = findFile(folder, name);
    if (file === null) {
      notes.push(`no ${name} in ${folder}: not run`);
      continue;
    }
    const results = check(file, data ?? folder);
    if (typeof results === "string") notes.push(results);
    else {
      tables.push(tableOf(file, results));
      for (const { failures } of results) notes.push(...failures);
    }
  }
  if (tables.length === 0)
    throw new ProtocolError("INVALID_PARAMS", `${folder} holds none of ${Object.keys(checks).join(", ")}`);
  return Promise.resolve({ tables, claims: [], notes });
};

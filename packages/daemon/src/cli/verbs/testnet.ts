import { isProtocolError } from "@gridmesh/protocol";
import { Option } from "commander";
import type { TestnetOptions } from "../../testnet/options.ts";
import { durationMs, type Invocation, wholeNumber, type Verb } from "../invocation.ts";
import { UsageError } from "../usage-error.ts";

const ports = ["auto", "seed"] as const;
const places = ["processes", "memory", "namespaces"] as const;

export const testnet: Verb = (command, attach) => {
  const node = command
    .command("node")
    .summary("one node of a preset, in a home of its own, as a container runs it")
    .argument("<name>", "e.g. household-agent-01")
    .option("--preset <name>", "day or seed000; else GRIDMESH_PRESET, else seed000");
  attach(node, runOne);

  const run = command
    .command("run")
    .summary("a whole neighbourhood of daemons on this machine, then a report")
    .option("--preset <name>", "day or seed000", "day")
    .option("--processes <n>", "daemons to start")
    .option("--cycles <n>", "market cycles to live")
    .option("--speed <n>", "market seconds per second")
    .option("--seed <n>", "seed of every choice", "1")
    .option("--kill <n>", "trading daemons to kill and restart", "0")
    .addOption(
      new Option("--ports <mode>", "free ports, or the fixed status ports").choices(ports).default("auto"),
    )
    .option("--data <folder>", "real household data instead of generated")
    .option("--day <date>", "day of the data, e.g. 2017-07-12")
    .addOption(new Option("--on <where>", "where the daemons live").choices(places).default("processes"))
    .option("--deadline <time>", "end the market after this; else after 180s or what the cycles need")
    .option("--wan", "delays between daemons")
    .option("--keep", "keep the homes of a run that passed")
    .option("--follow", "cycles without end")
    .option("--ndjson", "one JSON object per step");
  attach(run, async (invocation) => {
    const { options, io } = invocation;
    const asked: TestnetOptions = {
      preset: String(options["preset"]),
      processes: wholeNumber(options["processes"], "--processes"),
      cycles: wholeNumber(options["cycles"], "--cycles"),
      speed: wholeNumber(options["speed"], "--speed"),
      seed: wholeNumber(options["seed"], "--seed"),
      kill: wholeNumber(options["kill"], "--kill"),
      ports: options["ports"] as (typeof ports)[number],
      data: options["data"] as string | undefined,
      day: options["day"] as string | undefined,
      on: options["on"] as (typeof places)[number],
      deadlineMs: typeof options["deadline"] === "string" ? durationMs(options["deadline"]) : undefined,
      wan: options["wan"] === true,
      keep: options["keep"] === true,
      follow: options["follow"] === true,
      output: invocation.json ? "json" : options["ndjson"] === true ? "ndjson" : "text",
      io,
    };
    const { runTestnet } = await import("../../testnet/index.ts");
    try {
      return await runTestnet(asked);
    } catch (error) {
      throw refused(error);
    }
  });
};

/** What is refused before anything starts is what was typed. */
function refused(error: unknown): unknown {
  const codes: readonly string[] = ["CONFIG_INVALID", "INVALID_PARAMS", "UNSUPPORTED_OPERATION"];
  if (!isProtocolError(error) || !codes.includes(error.code)) return error;
  return new UsageError(error.message, "gridmesh testnet run --help", error.code);
}

/** The home gets the config of one node of a preset; then it is a daemon like any other. */
async function runOne(invocation: Invocation): Promise<number> {
  const { paths, options, io } = invocation;
  const { prepareNode } = await import("../../testnet/single.ts");
  const preset = options["preset"] as string | undefined;
  const name = invocation.args[0] ?? "";
  const startMs = await prepareNode(paths, { name, preset, env: io.env, nowMs: Date.now() });
  const flags = startMs === undefined ? {} : { labMarketStartMs: String(startMs) };
  const { runDaemon } = await import("../../run-daemon.ts");
  return runDaemon({ ...invocation, options: { ...options, ...flags } });
}

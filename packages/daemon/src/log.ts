/** The daemon's log: JSON lines by pino, or lines for people on a terminal. */

import type { Log, LogFields } from "@gridmesh/node";
import { LogPace } from "./log-pace.ts";
import { type DestinationStream, type Logger, pino } from "pino";

type Level = "error" | "warn" | "info" | "debug" | "silent";

export interface LogOptions {
  readonly level: Level;
  readonly format: "json" | "pretty";
  /** By subsystem. */
  readonly levels: Readonly<Record<string, Level>>;
  /** Where lines go; stdout when absent. */
  readonly destination?: DestinationStream;
  /** For lines a second; the runtime's when absent. */
  readonly monotonicMs?: () => number;
}

export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true });
  const logger = pino(
    {
      level: lowest(options),
      base: null,
      messageKey: "msg",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.format === "pretty" ? { write: (line) => destination.write(pretty(line)) } : destination,
  );
  return logOf({ logger, pace: new LogPace(options.monotonicMs) }, "daemon", options);
}

/** The root must let through what the most talkative subsystem may say. */
function lowest(options: LogOptions): Level {
  const order: readonly Level[] = ["debug", "info", "warn", "error", "silent"];
  const all = [options.level, ...Object.values(options.levels)];
  return order.find((level) => all.includes(level)) ?? "info";
}

interface Root {
  readonly logger: Logger;
  readonly pace: LogPace;
}

function logOf(root: Root, subsystem: string, options: LogOptions): Log {
  // `trade.desk` follows the level of `trade` unless it has one of its own.
  const own = options.levels[subsystem] ?? options.levels[subsystem.split(".")[0] ?? ""] ?? options.level;
  const logger = root.logger.child({ subsystem }, { level: own });
  const write = (level: Exclude<Level, "silent">) => (event: string, message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return;
    const admitted = root.pace.admit(`${subsystem} ${event}`, fields ?? {});
    if (admitted !== undefined) logger[level]({ event, ...admitted }, message);
  };
  return {
    error: write("error"),
    warn: write("warn"),
    info: write("info"),
    debug: write("debug"),
    child: (name) => logOf(root, name, options),
  };
}

const OWN_KEYS = new Set(["time", "level", "subsystem", "event", "msg"]);

/** `12:00:01 warn  network  bootstrap unreachable  peer=… code=…` */
function pretty(line: string): string {
  const record = JSON.parse(line) as Record<string, unknown>;
  const time = String(record["time"]).slice(11, 19);
  const level = String(record["level"]).padEnd(5);
  const facts = Object.entries(record)
    .filter(([key, value]) => !OWN_KEYS.has(key) && value !== null)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(" ");
  const text = `${time} ${level} ${String(record["subsystem"])}  ${String(record["msg"])}${facts === "" ? "" : `  ${facts}`}`;
  return `${printable(text)}\n`;
}

/** Remote text may hold control characters that would move a terminal's cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

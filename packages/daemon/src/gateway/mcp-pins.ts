/** What an agent's tools were when they were first seen here: who changes them since is not called blindly. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { canonicalize, type JsonValue } from "@gridmesh/protocol";
import { writePrivate } from "../home.ts";
import type { GatewayCaller } from "./guard.ts";

const FILE = "pins.json";
const MOST_PINS = 4_096;

export interface Pins {
  /** Whether these are the tools that this caller was first shown of the agent; the first time they are. */
  holds(address: string, caller: GatewayCaller, tools: readonly JsonValue[]): boolean;
  /** Takes these for the agent's from now on, by the operator's word; others' pins of it are made anew. */
  accept(address: string, tools: readonly JsonValue[]): void;
  /** Hex; undefined for an agent never seen. */
  hashOf(address: string, caller: GatewayCaller): string | undefined;
}

const opened = new Map<string, Pins>();

/** The pins of a home; all who ask have the same. */
export function openPins(home: string): Pins {
  const known = opened.get(home) ?? pinsIn(join(home, FILE));
  opened.set(home, known);
  return known;
}

function pinsIn(path: string): Pins {
  const hashes = new Map(Object.entries(read(path)));
  const keep = (address: string, hash: string) => {
    hashes.delete(address);
    hashes.set(address, hash);
    const [oldest] = hashes.keys();
    if (hashes.size > MOST_PINS && oldest !== undefined) hashes.delete(oldest);
    writePrivate(path, `${JSON.stringify(Object.fromEntries(hashes), null, 2)}\n`);
  };
  return {
    holds(address, caller, tools) {
      const hash = toolsHash(tools);
      const key = keyOf(address, caller);
      const known = hashes.get(key);
      if (known === undefined) keep(key, hash);
      return known === undefined || known === hash;
    },
    accept(address, tools) {
      for (const key of hashes.keys()) if (key.startsWith(`${address} `)) hashes.delete(key);
      keep(address, toolsHash(tools));
    },
    hashOf: (address, caller) => hashes.get(keyOf(address, caller)),
  };
}

/** Who may use fewer tools is shown fewer. */
function keyOf(address: string, { token, anonymous }: GatewayCaller): string {
  if (anonymous) return `${address} ?`;
  return token === undefined ? address : `${address} ${token}`;
}

/** The hash of a list of tools in canonical form, whatever their order. */
export function toolsHash(tools: readonly JsonValue[]): string {
  const texts = tools.map((tool) => canonicalText(tool)).toSorted();
  return createHash("sha256").update(texts.join("\n")).digest("hex");
}

/** Anybody's JSON has a form, also where it is deeper than ours may be. */
function canonicalText(value: JsonValue): string {
  try {
    return canonicalize(value);
  } catch {
    return JSON.stringify(value);
  }
}

function read(path: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  } catch {
    return {};
  }
}

/** What a run says while it runs: a line per step, redrawn cycles on a terminal, objects for programs. */

import type { TestnetIo, TestnetOptions } from "./options.ts";

type Phase = "plan" | "start" | "ready" | "cycle" | "drain" | "collect" | "audit" | "stop" | "report";

export interface Output {
  /** A step: its text for people, its fields for programs. */
  step(phase: Phase, text: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Text beside the steps; nothing for programs. */
  text(text: string): void;
  /** The one object of `--json`, the last of `--ndjson`. */
  report(report: object): void;
}

/** Steps carry the seconds since `startedAtMs`. */
export function createOutput(form: TestnetOptions["output"], startedAtMs: number, io: TestnetIo): Output {
  if (form === "json") {
    return { step() {}, text() {}, report: (report) => io.out(`${JSON.stringify(report)}\n`) };
  }
  if (form === "ndjson") {
    return {
      step: (phase, _text, fields) =>
        io.out(`${JSON.stringify({ type: phase, atMs: Date.now(), ...fields })}\n`),
      text() {},
      report: (report) => io.out(`${JSON.stringify(report)}\n`),
    };
  }
  return textOutput(startedAtMs, io);
}

function textOutput(startedAtMs: number, io: TestnetIo): Output {
  // On a terminal the running cycle's line stays open and the next one takes its place.
  let open = false;
  const close = () => {
    if (open) io.out("\n");
    open = false;
  };
  return {
    step(phase, text) {
      const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1).padStart(5);
      const line = `[${seconds}s] ${phase.padEnd(8)} ${text}`;
      const redraw = io.isTty && phase === "cycle";
      if (redraw) {
        io.out(`\r\u001b[2K${line}`);
        open = true;
        return;
      }
      close();
      io.out(`${line}\n`);
    },
    text(text) {
      close();
      io.out(text);
    },
    report() {},
  };
}

/** The streams of this process; a reader that goes away is no failure of the run. */
export function processStreams(): TestnetIo {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTty: process.stdout.isTTY ?? false,
  };
}

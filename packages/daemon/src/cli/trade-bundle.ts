/** The evidence of a trade as a file, and whether one holds. */

import { readFileSync, writeFileSync } from "node:fs";
import { nodeEngine } from "@gridmesh/node";
import { type BundleReport, ProtocolError, verifyBundle } from "@gridmesh/protocol";
import type { Action } from "./invocation.ts";
import { money, pairs, short, table } from "./table.ts";

/** Larger than any trade's. */
const MAX_BYTES = 64 * 1024 * 1024;

export const exportTrade: Action = async (invocation) => {
  const [id = ""] = invocation.args;
  const { out, redact } = invocation.options;
  const daemon = await invocation.daemon();
  const text = await daemon.bundle(id, { ...invocation.wait, redact: redact === true });
  if (typeof out !== "string") {
    // The file itself, whoever reads it: its bytes are what is signed.
    invocation.io.out(`${text}\n`);
    return 0;
  }
  try {
    writeFileSync(out, `${text}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw new ProtocolError("INVALID_PARAMS", `${out} cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const bytes = Buffer.byteLength(text);
  invocation.print({ file: out, bytes }, `${out}: ${bytes} bytes. gridmesh trade verify ${out}\n`);
  return 0;
};

/** @throws BUNDLE_INVALID naming the item that does not hold. */
export const verifyTrade: Action = async (invocation) => {
  const [file = ""] = invocation.args;
  const text = file === "-" ? await invocation.io.readInput() : fileText(file);
  const report = verifyBundle(new TextEncoder().encode(text.trimEnd()), nodeEngine());
  invocation.print({ bundle: report }, reportText(report));
  return 0;
};

function fileText(path: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_BYTES) throw new Error(`${bytes.length} bytes`);
    return bytes.toString("utf8");
  } catch (error) {
    throw new ProtocolError("INVALID_PARAMS", `${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Who was to be asked first, and of how many. */
function chosen({ selection }: BundleReport): [string, string][] {
  if (selection === undefined) return [];
  const { offers, refused, proven, ranked } = selection;
  const counted = `${offers} offers, ${proven} of them in here, ${refused} that did not count`;
  return [
    ["chosen", ranked[0] === undefined ? `none of ${counted}` : `${short(ranked[0])} first of ${counted}`],
  ];
}

function reportText(report: BundleReport): string {
  const head = pairs([
    [
      "holds",
      `${report.signatures} signatures over ${report.frames} messages and ${report.orders.length} orders`,
    ],
    ["transaction", report.transactionId],
    ["network", report.network],
    ["exported by", `${report.exporter} at ${new Date(report.exportedAtMs).toISOString()}`],
    ["bodies", report.redacted ? "left out" : "inside"],
    ...chosen(report),
    ...report.equivocations.map(({ signer, action, messageId }): [string, string] => [
      "two contents",
      `${signer} signed two of ${action} ${messageId}`,
    ]),
  ]);
  const rows = report.orders.map((order) => [
    order.orderId,
    `${order.role} ${short(order.agentId)}`,
    order.state,
    money(order.amountMicro, order.currency),
  ]);
  return rows.length === 0 ? head : `${head}${table(["order", "book of", "state", "amount"], rows)}`;
}

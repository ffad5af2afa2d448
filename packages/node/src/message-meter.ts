/** Counts signed messages and their errors, with the counters of the hot path bound once. */

import { type ErrorCode, errorTable } from "@gridmesh/protocol";
import type { LabelsOf } from "./metric-table.ts";
import type { Counter, Metrics } from "./metrics.ts";

/** What a topic tells of each message. */
export interface GossipMeter {
  /** @param lateMs - since it was signed, by the signer's clock */
  accepted(bytes: number, lateMs: number): void;
  refused(bytes: number, code: ErrorCode): void;
}

type MeteredProtocol = "control" | "trade" | "beckn" | "gossip";

export interface MessageMeter {
  /** A message came in whole and was acted upon. */
  accepted(protocol: MeteredProtocol, bytes: number): void;
  /** A message came in and failed with this code. */
  refused(protocol: MeteredProtocol, bytes: number, code: ErrorCode): void;
  sent(protocol: MeteredProtocol, bytes: number): void;
  /** An error that belongs to no single message. */
  error(code: ErrorCode): void;
}

const PROTOCOLS = ["control", "trade", "beckn", "gossip"] as const;

export function createMessageMeter(metrics: Metrics): MessageMeter {
  const bound = new Map(PROTOCOLS.map((protocol) => [protocol, boundCounters(metrics, protocol)]));
  const of = (protocol: MeteredProtocol) => bound.get(protocol);
  const error = (code: ErrorCode) => metrics.count("errors_total", { code });
  return {
    accepted(protocol, bytes) {
      of(protocol)?.accept.add();
      of(protocol)?.bytesIn.add(bytes);
    },
    refused(protocol, bytes, code) {
      const { verdict } = errorTable[code];
      of(protocol)?.[verdict].add();
      of(protocol)?.bytesIn.add(bytes);
      error(code);
    },
    sent(protocol, bytes) {
      of(protocol)?.sent.add();
      of(protocol)?.bytesOut.add(bytes);
    },
    error,
  };
}

/** Meters one purpose of gossip. */
export function createGossipMeter(metrics: Metrics, purpose: GossipPurposeName): GossipMeter {
  const meter = createMessageMeter(metrics);
  const late = createLateness(metrics, purpose);
  return {
    accepted(bytes, lateMs) {
      meter.accepted("gossip", bytes);
      late(lateMs);
    },
    refused: (bytes, code) => meter.refused("gossip", bytes, code),
  };
}

/** How late accepted messages of a purpose are; a sender whose clock is ahead counts as being on time. */
export function createLateness(metrics: Metrics, purpose: GossipPurposeName): (lateMs: number) => void {
  const latency = metrics.histogram("gossip_latency_seconds", { purpose });
  return (lateMs) => latency.observe(Math.max(0, lateMs) / 1_000);
}

type GossipPurposeName = LabelsOf<"gossip_latency_seconds">["purpose"];

type Bound = Readonly<Record<"accept" | "ignore" | "reject" | "sent" | "bytesIn" | "bytesOut", Counter>>;

function boundCounters(metrics: Metrics, protocol: MeteredProtocol): Bound {
  const inward = (verdict: "accept" | "ignore" | "reject") =>
    metrics.counter("messages_total", { protocol, direction: "in", verdict });
  return {
    accept: inward("accept"),
    ignore: inward("ignore"),
    reject: inward("reject"),
    sent: metrics.counter("messages_total", { protocol, direction: "out", verdict: "accept" }),
    bytesIn: metrics.counter("message_bytes_total", { protocol, direction: "in" }),
    bytesOut: metrics.counter("message_bytes_total", { protocol, direction: "out" }),
  };
}

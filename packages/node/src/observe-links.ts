/** Peers that should be linked and are not, or do not stay. */

import type { Observation } from "./findings.ts";
import type { NetworkSnapshot } from "./network/snapshot.ts";
import type { PeerView } from "./network/supervisor-types.ts";
import { FLAPPING_MS, type Memory, type Observed } from "./observed.ts";

/** Nobody is told of few peers while the node has only just begun to look. */
const SETTLING_MS = 30_000;
const FEW = 2;
/** A network that stops together loses its links one after the other. */
const FEW_MS = 5_000;
const MAX_TOLD = 3;
/** Dials cut before the handshake that make a pattern, and how long it stays one. */
const CUT_DIALS = 3;
const CUT_MS = 60_000;
/** Losses of one anchor within five minutes that are too many. */
const LOSSES = 3;
/** A link that went sooner was cut by the other side. */
const CUT_AT_ONCE_MS = 2_000;
const CUT_FIX = "ask its operator: a ban (gridmesh bans ls there) or a limit over there cuts this node off";

/** Rules of the gater that turn connections away. */
const CONNECTION_RULES: Readonly<Record<string, string>> = {
  "rate-per-ip": "limits.inboundPerIp",
  "pending-per-ip": "the limit of unfinished connections of an address",
  pending: "the limit of unfinished connections",
  links: "limits.connections",
  "inbound-links": "limits.connections",
  "links-per-ip": "limits.perIp",
  "links-per-subnet": "limits.perSubnet",
};

export function observeLinks(node: Observed, memory: Memory, snapshot: NetworkSnapshot): Observation[] {
  return [
    ...bootstrapUnreachable(node),
    ...networkSplit(node),
    ...throttled(node, memory, snapshot),
    ...flapping(node, memory),
    ...keySuccession(node),
    ...fewPeers(node, memory),
  ];
}

function bootstrapUnreachable({ supervisor, clock }: Observed): Observation[] {
  const missing = supervisor
    .state()
    .anchors.filter((anchor) => anchor.link === undefined && anchor.attempts.length > 0);
  if (missing.length === 0) return [];
  const told = missing.slice(0, MAX_TOLD).map((anchor) => whyUnlinked(anchor, clock.nowMs()));
  const rest = missing.length > MAX_TOLD ? ` (and ${missing.length - MAX_TOLD} more)` : "";
  const other = missing.flatMap(({ attempts }) => attempts).find(({ reason }) => answeredAs(reason));
  const fix =
    other === undefined
      ? {}
      : { fix: `if it is the node you mean, end its address in /p2p/${answeredAs(other.reason)}` };
  return [{ code: "BOOTSTRAP_UNREACHABLE", text: `${told.join("; ")}${rest}`, ...fix }];
}

function whyUnlinked({ attempts, nextDialMs, state }: PeerView, nowMs: number): string {
  const reasons = attempts.slice(0, MAX_TOLD).map(({ address, reason }) => `${address}: ${reason}`);
  const waitS = Math.max(0, Math.ceil(((nextDialMs ?? nowMs) - nowMs) / 1_000));
  const next = state === "dialing" ? "dialled again now" : `next try in ${waitS} s`;
  return `${reasons.join(", ")}, ${next}`;
}

/** The PeerId that answered in place of the one that was dialled. */
function answeredAs(reason: string): string | undefined {
  return /^another peer answers: (\S+)/.exec(reason)?.[1];
}

function networkSplit({ strangers }: Observed): Observation[] {
  const met = strangers();
  if (met.size === 0) return [];
  const [why] = met.values();
  const count = met.size === 1 ? "a peer belongs" : `${met.size} peers belong`;
  return [{ code: "NETWORK_SPLIT", text: `${count} to another network: ${why}` }];
}

function throttled(
  { clock }: Observed,
  memory: Memory,
  { refused, cutDials }: NetworkSnapshot,
): Observation[] {
  const rules = [...memory.refusals.of(refused)].flatMap(([rule, count]) => {
    const limit = CONNECTION_RULES[rule];
    return limit === undefined ? [] : [`${count} turned away by ${rule} (${limit})`];
  });
  const cut = cutDials
    .filter(({ count, lastMs }) => count >= CUT_DIALS && clock.nowMs() - lastMs <= CUT_MS)
    .map(({ count, address }) => {
      return `${count} dials to ${address} were cut before the handshake: a rate or number of connections per address over there, a ban, or another private network`;
    });
  const told = [...rules, ...cut];
  if (told.length === 0) return [];
  const text = told.slice(0, MAX_TOLD).join("; ");
  return [{ code: "DIALS_THROTTLED", text }];
}

function flapping({ clock }: Observed, { anchorLosses }: Memory): Observation[] {
  const nowMs = clock.monotonicMs();
  for (const [peerId, losses] of anchorLosses) {
    const recent = losses.filter(({ atMs }) => nowMs - atMs <= FLAPPING_MS);
    if (recent.length === 0) anchorLosses.delete(peerId);
    if (recent.length <= LOSSES) continue;
    const text = `the link to ${peerId} went ${recent.length} times in 5 minutes`;
    const cut = recent.every(({ heldMs }) => heldMs !== undefined && heldMs < CUT_AT_ONCE_MS);
    return [
      cut
        ? { code: "LINK_FLAPPING", text: `${text}, each time at once`, fix: CUT_FIX }
        : { code: "LINK_FLAPPING", text },
    ];
  }
  return [];
}

function keySuccession({ brokenSuccessions, keyNotes }: Observed): Observation[] {
  const [first] = brokenSuccessions();
  const [note] = first === undefined ? (keyNotes?.() ?? []) : [];
  if (note !== undefined) return [{ code: "KEY_SUCCESSION", ...note }];
  if (first === undefined) return [];
  const [subject, what] = first;
  return [{ code: "KEY_SUCCESSION", text: `${subject}: ${what}` }];
}

function fewPeers({ supervisor, clock, startedMs }: Observed, { lasting }: Memory): Observation[] {
  const { links } = supervisor.state();
  const few = lasting.holds("few-peers", links < FEW, FEW_MS);
  if (clock.monotonicMs() - startedMs < SETTLING_MS || !few) return [];
  if (links === 0) return [{ code: "NO_PEERS", text: "no peer is linked" }];
  return [{ code: "FEW_PEERS", text: `${links} peer is linked` }];
}

import { type ErrorCode, errorTable, type SuggestedAction } from "@gridmesh/protocol";

const fixes: Partial<Record<ErrorCode, string>> = {
  NOT_RUNNING: "gridmesh start",
  ALREADY_RUNNING: "gridmesh status, or gridmesh stop, or another --home",
  CONFIG_INVALID: "gridmesh config validate",
  IDENTITY_UNREADABLE: "gridmesh doctor",
  AGENT_NOT_FOUND: "gridmesh agents find",
  METHOD_NOT_FOUND: "gridmesh call <agent>/tools/list",
  NO_PROVIDER: "gridmesh agents find",
  ADDRESS_INVALID:
    "write <node>:<agent>/<method>, local:<agent>/<method>, cap:<word>/<method> or node/<method>; a peer is written as its PeerId",
  PEER_NOT_FOUND: "gridmesh peers ls",
  PEER_UNREACHABLE: "gridmesh peers connect <multiaddr>",
  CALL_TIMEOUT: "try again with a longer --timeout",
  ORDER_NOT_FOUND: "gridmesh trade ls",
  AGENT_START_FAILED: "repair its row in config.toml, then gridmesh start",
  PORT_IN_USE: "another --listen (port 0 takes a free one), or end the program that has it",
  UNAUTHORIZED: "gridmesh config show",
};

const byAction: Readonly<Record<SuggestedAction, string>> = {
  fix_request: "gridmesh --help",
  retry_later: "try again later",
  retry_elsewhere: "try another node",
  reduce_task_size: "ask for less",
  reduce_quantity: "ask for less",
  extend_deadline: "try again with a longer --timeout",
  sync_clock: "synchronise this machine's clock",
  upgrade: "upgrade the older of the two nodes",
  ask_operator: "gridmesh doctor",
  none: "gridmesh status",
};

/** What the user typed, as far as a fix depends on it. */
export interface CommandLine {
  readonly verb?: string | undefined;
  /** Given by `--home`. */
  readonly home?: string | undefined;
}

/** What to type or do next after this error; commands name the home that was named. */
export function fixFor(code: ErrorCode, { home, verb }: CommandLine = {}): string {
  if (code === "NOT_RUNNING" && verb === "stop") return "nothing is left to stop";
  if (code === "PEER_UNREACHABLE" && verb === "peers") return "start that node, or correct the address";
  // It has just been told what is wrong.
  if (code === "CONFIG_INVALID" && verb === "config") return "correct it, then gridmesh config validate";
  const fix = fixes[code] ?? byAction[errorTable[code].action];
  return home === undefined ? fix : fix.replace(/^gridmesh (?!--)/, `gridmesh --home ${home} `);
}

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
  PORT_IN_USE: "gridmesh config show listen",
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

/** What to type or do next after this error. */
export function fixFor(code: ErrorCode): string {
  return fixes[code] ?? byAction[errorTable[code].action];
}

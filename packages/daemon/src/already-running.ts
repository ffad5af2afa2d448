import { ProtocolError } from "@gridmesh/protocol";
import { type HomePaths, isAlive, readDaemonFile } from "./home.ts";

/** Who runs there and both ways out, not a bare lock error. */
export function alreadyRunning(paths: HomePaths, cause?: unknown): ProtocolError {
  const other = readDaemonFile(paths);
  const pid = isAlive(other) ? ` (pid ${other.pid})` : "";
  return new ProtocolError(
    "ALREADY_RUNNING",
    `a daemon${pid} already runs in ${paths.home}; stop it with gridmesh stop --home ${paths.home}, or start this one with another --home`,
    { cause, data: { home: paths.home, ...(isAlive(other) ? { pid: other.pid } : {}) } },
  );
}

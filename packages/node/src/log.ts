/** Where a node writes what it did; the daemon hands in pino, tests hand in an array. */
export interface Log {
  error(event: string, message: string, fields?: LogFields): void;
  warn(event: string, message: string, fields?: LogFields): void;
  info(event: string, message: string, fields?: LogFields): void;
  debug(event: string, message: string, fields?: LogFields): void;
  /** The same log under a subsystem's name (`network`, `trade`, an agent's name …). */
  child(subsystem: string): Log;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A log that keeps nothing. */
export function silentLog(): Log {
  const log: Log = {
    error() {},
    warn() {},
    info() {},
    debug() {},
    child: () => log,
  };
  return log;
}

/** What every HTTP listener of the daemon asks alike: where to listen, why it could not, and who was asked for. */

import { ProtocolError } from "@gridmesh/protocol";

/** Names under which a machine reaches itself, as a Host header has them. */
export const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

export interface ListenPlace {
  /** As it was written, IPv6 in brackets. */
  readonly name: string;
  /** The same for a socket. */
  readonly address: string;
  readonly port: number;
}

/** `host:port` in its parts. */
export function listenPlace(listen: string): ListenPlace {
  const at = listen.lastIndexOf(":");
  const name = listen.slice(0, at);
  return { name, address: name.replace(/^\[|\]$/g, ""), port: Number(listen.slice(at + 1)) };
}

/** PORT_IN_USE, or CONFIG_INVALID for an address this machine does not have. @param key - the setting */
export function listenFailure(error: NodeJS.ErrnoException, key: string, listen: string): ProtocolError {
  return error.code === "EADDRINUSE"
    ? new ProtocolError("PORT_IN_USE", `${key} ${listen} is in use; choose another port`, { cause: error })
    : new ProtocolError("CONFIG_INVALID", `${key} ${listen}: ${error.message}`, { cause: error });
}

/** The one Host header, in small letters; undefined where there is none, or a second. */
export function onlyHost(rawHeaders: readonly string[]): string | undefined {
  const hosts = rawHeaders.filter(
    (_value, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "host",
  );
  return hosts.length === 1 ? hosts[0]?.toLowerCase() : undefined;
}

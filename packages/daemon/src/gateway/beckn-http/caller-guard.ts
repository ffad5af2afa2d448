/** Who may have a body signed: whoever holds the token, or anybody on this machine where the operator says so. */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { ProtocolError } from "@gridmesh/protocol";
import { LOOPBACK_NAMES, listenPlace, onlyHost } from "../../listening.ts";

const TOKEN_FILE = "beckn-http.token";
/** 32 bytes in base64url. */
const TOKEN_CHARACTERS = 43;

export interface Asking {
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

/** The token of a home, made at its first use; only its owner may read it. @throws DISK_FAILED. */
export function tokenIn(home: string): string {
  const path = join(home, TOKEN_FILE);
  try {
    if (!existsSync(path)) {
      writeFileSync(path, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
    }
    const token = readFileSync(path, "utf8").trim();
    // Of a daemon that was killed as it wrote: nobody's token is the empty one.
    if (token.length < TOKEN_CHARACTERS) throw new Error("it is too short");
    return token;
  } catch (error) {
    const { message } = error as Error;
    throw new ProtocolError("DISK_FAILED", `${path} holds no token: ${message}; delete it for a new one`, {
      cause: error,
    });
  }
}

/** Where any program of the machine may sign, nobody else may be heard. @throws CONFIG_INVALID. */
export function checkListen(listen: string, callerAuth: "token" | "loopback"): void {
  const { name } = listenPlace(listen);
  if (callerAuth === "token" || LOOPBACK_NAMES.has(name)) return;
  throw new ProtocolError(
    "CONFIG_INVALID",
    `beckn.http.callerAuth "loopback" listens on 127.0.0.1, localhost or [::1], not on ${name}`,
  );
}

/**
 * A page in somebody's browser must not sign: it sends an Origin, or comes under another name.
 * @param options.port - the one that is listened on
 * @throws UNAUTHORIZED
 */
export function checkCaller(
  asking: Asking,
  options: { readonly port: number; readonly token: string | undefined },
): void {
  const { headers } = asking;
  if (!isLoopbackName(asking.rawHeaders, options.port)) {
    throw new ProtocolError("UNAUTHORIZED", "caller paths are asked for under a loopback name");
  }
  const site = headers["sec-fetch-site"] ?? "none";
  if (headers.origin !== undefined || site !== "none") {
    throw new ProtocolError("UNAUTHORIZED", "caller paths are not for web pages");
  }
  const given = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  if (options.token !== undefined && !timingSafeEqual(hashed(given), hashed(options.token))) {
    throw new ProtocolError(
      "UNAUTHORIZED",
      `caller paths need "Authorization: Bearer" with the text of ${TOKEN_FILE}`,
    );
  }
}

/** Exactly one Host, a name of this machine's own, and the port that is listened on. */
function isLoopbackName(rawHeaders: readonly string[], listening: number): boolean {
  const [name = "", port = ""] = onlyHost(rawHeaders)?.split(/:(?=\d+$)/) ?? [];
  return LOOPBACK_NAMES.has(name) && Number(port) === listening;
}

function hashed(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

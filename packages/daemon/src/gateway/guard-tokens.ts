/** Who a bearer is: the operator with the token of this start, or somebody with a named one. */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ProtocolError } from "@gridmesh/protocol";
import { z } from "zod";
import { writePrivate } from "../home.ts";

export const scopes = ["read", "agent", "admin"] as const;
export type TokenScope = (typeof scopes)[number];

/** What a token stands for; the secret itself is kept nowhere. */
export interface KnownToken {
  readonly name: string;
  readonly scope: TokenScope;
  /** Which agents it reaches: globs with blanks between, over names, or over `<node>:<agent>` where one has a colon. */
  readonly agents: string;
}

/** Tokens of this run alone, which no file knows. */
export interface LentTokens {
  /** Somebody's until it is disposed. */
  lend(token: KnownToken): Disposable & { readonly secret: string };
  list(): readonly KeptToken[];
}

export interface Tokens {
  /** Undefined: nobody's token. Takes as long for a near miss as for any other. */
  find(given: string): KnownToken | undefined;
}

interface KeptToken extends KnownToken {
  /** Hex of the secret's SHA-256. */
  readonly sha256: string;
}

const CONTROL_FILE = "control.token";
const NAMED_FILE = "tokens.json";
const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const GLOB = /^[A-Za-z0-9._:*?-]{1,200}$/;
const SECRET_BYTES = 32;

const fileSchema = z.strictObject({
  version: z.literal(1),
  tokens: z.array(
    z.strictObject({
      name: z.string().regex(NAME),
      scope: z.enum(scopes),
      agents: z.string().regex(GLOB),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** Makes the operator's token of this start, readable by the home's owner alone. @throws DISK_FAILED. */
export function openTokens(home: string, lent: LentTokens = lentTokens()): Tokens {
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  try {
    writePrivate(join(home, CONTROL_FILE), `${secret}\n`);
  } catch (error) {
    throw new ProtocolError("DISK_FAILED", `${CONTROL_FILE} cannot be written`, { cause: error });
  }
  const own: KeptToken = {
    name: "control",
    scope: "admin",
    agents: "*",
    sha256: hashOf(secret).toString("hex"),
  };
  const named = namedTokens(home);
  return {
    find(given) {
      const hash = hashOf(given);
      let found: KeptToken | undefined;
      // All are compared: which one came close is nobody's business.
      for (const token of [own, ...named(), ...lent.list()]) {
        if (timingSafeEqual(hash, Buffer.from(token.sha256, "hex"))) found = token;
      }
      return found;
    },
  };
}

export function lentTokens(): LentTokens {
  const kept = new Set<KeptToken>();
  return {
    list: () => [...kept],
    lend(token) {
      const secret = randomBytes(SECRET_BYTES).toString("base64url");
      const row = { ...token, sha256: hashOf(secret).toString("hex") };
      kept.add(row);
      return { secret, [Symbol.dispose]: () => void kept.delete(row) };
    },
  };
}

/** Whether the token reaches an agent, by the reference it was asked for under. */
export function reaches({ scope, agents }: KnownToken, reference: string): boolean {
  if (scope === "admin") return true;
  if (scope !== "agent") return false;
  // Who offers a capability may have any name: it is looked at once the one is found.
  const name = reference.startsWith("cap:") ? "" : reference.slice(reference.indexOf(":") + 1);
  return agents.split(" ").some((glob) => globOf(glob).test(glob.includes(":") ? reference : name));
}

/** The named tokens of a home. @throws CONFIG_INVALID for a file that is none. */
export function listTokens(home: string): readonly KnownToken[] {
  return read(home).map(({ name, scope, agents }) => ({ name, scope, agents }));
}

/** Makes a named token and returns its secret, which is told this once. @throws INVALID_PARAMS. */
export function addToken(home: string, token: KnownToken): string {
  const { name, scope, agents } = token;
  if (!NAME.test(name) || name === "control") {
    throw new ProtocolError("INVALID_PARAMS", `"${name.slice(0, 80)}" is no name of a token: a-z 0-9 . _ -`);
  }
  if (!GLOB.test(agents))
    throw new ProtocolError("INVALID_PARAMS", `"${agents.slice(0, 80)}" is no pattern of names`);
  const kept = read(home);
  if (kept.some((other) => other.name === name)) {
    throw new ProtocolError("INVALID_PARAMS", `there is a token ${name} already`);
  }
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  write(home, [...kept, { name, scope, agents, sha256: hashOf(secret).toString("hex") }]);
  return secret;
}

/** False when there was none of this name. */
export function removeToken(home: string, name: string): boolean {
  const kept = read(home);
  const left = kept.filter((token) => token.name !== name);
  if (left.length < kept.length) write(home, left);
  return left.length < kept.length;
}

/** Read anew whenever the file has changed: a token that was taken back is nobody's at once. */
function namedTokens(home: string): () => readonly KeptToken[] {
  let stamp = "";
  let tokens: readonly KeptToken[] = [];
  return () => {
    const found = statSync(join(home, NAMED_FILE), { throwIfNoEntry: false });
    const now = found === undefined ? "" : `${found.ino} ${found.size} ${found.mtimeMs}`;
    if (now === stamp) return tokens;
    stamp = now;
    try {
      tokens = read(home);
    } catch {
      // A file that cannot be read names nobody.
      tokens = [];
    }
    return tokens;
  };
}

function read(home: string): KeptToken[] {
  const path = join(home, NAMED_FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new ProtocolError("CONFIG_INVALID", `${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return fileSchema.parse(JSON.parse(text)).tokens;
  } catch (error) {
    throw new ProtocolError("CONFIG_INVALID", `${path} holds no tokens; delete it and make new ones`, {
      cause: error,
    });
  }
}

function write(home: string, tokens: readonly KeptToken[]): void {
  writePrivate(join(home, NAMED_FILE), `${JSON.stringify({ version: 1, tokens }, null, 2)}\n`);
}

function globOf(pattern: string): RegExp {
  const text = pattern.replaceAll(/[.*+?^${}()|[\]\\-]/g, (sign) =>
    sign === "*" ? ".*" : sign === "?" ? "." : `\\${sign}`,
  );
  return new RegExp(`^${text}$`);
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

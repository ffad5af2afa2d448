/** What a key file says: the key in clear, or sealed with a passphrase. */

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  scrypt,
  sign,
} from "node:crypto";
import { agentIdFromKey, peerIdFromKey, ProtocolError, type Signer } from "@gridmesh/protocol";
import type { Random } from "./clock.ts";
import { unreadable } from "./identity-files.ts";

/** A key with the names derived from it. */
export interface Identity {
  /** Ed25519 seed, 32 bytes. */
  readonly seed: Uint8Array;
  readonly signer: Signer;
  /** The PeerId of the same key. */
  readonly peerId: string;
}

/** PKCS #8 header of an Ed25519 private key; the seed follows. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;
const FORMAT = "gridmesh-key";
const CIPHER = "chacha20-poly1305";
const KDF = { name: "scrypt", N: 131_072, r: 8, p: 1 } as const;
/** Twice what these parameters need; the runtime's own bound is below that. */
const KDF_MEMORY_BYTES = 256 * 1024 * 1024;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The identity of an Ed25519 seed of 32 bytes. */
export function identityFromSeed(seed: Uint8Array): Identity {
  if (seed.length !== SEED_BYTES) throw new ProtocolError("IDENTITY_UNREADABLE", "a key seed has 32 bytes");
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(spki.length - 32));
  return {
    seed: Uint8Array.from(seed),
    peerId: peerIdFromKey(publicKey),
    signer: {
      agentId: agentIdFromKey(publicKey),
      publicKey,
      sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
    },
  };
}

/** What seals and opens the keys of one home. */
export interface KeyLock {
  readonly sealed: boolean;
  /** The text of a key file. */
  write(identity: Identity, random: Random): Promise<string>;
  /** @throws IDENTITY_UNREADABLE: damaged, another format, a wrong passphrase or none. */
  read(path: string, text: string): Promise<Identity>;
}

/** @param passphrase - absent: keys are written in clear, and sealed ones cannot be read */
export function keyLock(passphrase: string | undefined): KeyLock {
  return new Lock(passphrase);
}

interface Seal {
  readonly salt: Buffer;
  readonly nonce: Buffer;
}

interface KeyFile {
  readonly agentId: string;
  readonly secret: Buffer;
  /** Undefined: the secret is in clear. */
  readonly seal: Seal | undefined;
}

class Lock implements KeyLock {
  readonly #passphrase: string | undefined;
  /** By salt. Keys written later take the salt of the first, so that a home's keys cost one derivation. */
  readonly #keys = new Map<string, Promise<Buffer>>();

  constructor(passphrase: string | undefined) {
    // The same words, typed here and written into a file there, must be the same bytes.
    this.#passphrase = passphrase?.normalize("NFKC");
  }

  get sealed(): boolean {
    return this.#passphrase !== undefined;
  }

  async write(identity: Identity, random: Random): Promise<string> {
    const { agentId } = identity.signer;
    const head = { format: FORMAT, version: 1, agentId };
    if (this.#passphrase === undefined) {
      const secretBase64 = Buffer.from(identity.seed).toString("base64");
      return `${JSON.stringify({ ...head, kdf: null, cipher: null, secretBase64 })}\n`;
    }
    const [known] = this.#keys.keys();
    const saltBase64 = known ?? Buffer.from(random.bytes(SALT_BYTES)).toString("base64");
    const nonce = random.bytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, await this.#keyOf(saltBase64, this.#passphrase), nonce, {
      authTagLength: TAG_BYTES,
    });
    cipher.setAAD(Buffer.from(agentId), { plaintextLength: SEED_BYTES });
    const secret = Buffer.concat([cipher.update(identity.seed), cipher.final(), cipher.getAuthTag()]);
    const kdf = { ...KDF, saltBase64 };
    const nonceBase64 = Buffer.from(nonce).toString("base64");
    return `${JSON.stringify({ ...head, kdf, cipher: CIPHER, nonceBase64, secretBase64: secret.toString("base64") })}\n`;
  }

  async read(path: string, text: string): Promise<Identity> {
    const { agentId, secret, seal } = parsed(path, text);
    const seed = seal === undefined ? secret : await this.#open(path, { agentId, secret, ...seal });
    const identity = identityFromSeed(seed);
    if (identity.signer.agentId === agentId) return identity;
    throw unreadable(path, "is damaged: its agentId is not that of its secret");
  }

  async #open(path: string, { agentId, secret, salt, nonce }: Omit<KeyFile, "seal"> & Seal): Promise<Buffer> {
    if (this.#passphrase === undefined) {
      throw unreadable(
        path,
        "is sealed with a passphrase; name its file in identity.passphraseFile, or start on a terminal and type it",
      );
    }
    const key = await this.#keyOf(salt.toString("base64"), this.#passphrase);
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(agentId), { plaintextLength: SEED_BYTES });
    decipher.setAuthTag(secret.subarray(SEED_BYTES));
    try {
      return Buffer.concat([decipher.update(secret.subarray(0, SEED_BYTES)), decipher.final()]);
    } catch {
      throw unreadable(
        path,
        "is not opened by this passphrase: it is the wrong one, or the file was changed; give the one the key was sealed with",
      );
    }
  }

  #keyOf(saltBase64: string, passphrase: string): Promise<Buffer> {
    const known = this.#keys.get(saltBase64);
    if (known !== undefined) return known;
    const { N, r, p } = KDF;
    const deriving = new Promise<Buffer>((resolve, reject) => {
      const salt = Buffer.from(saltBase64, "base64");
      const options = { N, r, p, maxmem: KDF_MEMORY_BYTES };
      scrypt(passphrase, salt, 32, options, (error, key) => (error === null ? resolve(key) : reject(error)));
    });
    this.#keys.set(saltBase64, deriving);
    return deriving;
  }
}

/** The name of the key in a file, which no passphrase hides. @throws IDENTITY_UNREADABLE. */
export function agentIdIn(path: string, text: string): string {
  return parsed(path, text).agentId;
}

function parsed(path: string, text: string): KeyFile {
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // The parser's words would quote the file: they stay out of the error.
    throw unreadable(path, "is damaged: no JSON");
  }
  if (found?.["format"] !== FORMAT || found["version"] !== 1) throw unreadable(path, "has another format");
  const agentId = String(found["agentId"]);
  if (found["kdf"] === null && found["cipher"] === null) {
    const secret = bytesOf(found["secretBase64"]);
    if (secret.length !== SEED_BYTES) throw unreadable(path, "is damaged: the secret has not 32 bytes");
    return { agentId, secret, seal: undefined };
  }
  return { agentId, ...sealIn(path, found) };
}

function sealIn(path: string, found: Record<string, unknown>): Pick<KeyFile, "secret" | "seal"> {
  const kdf = (found["kdf"] ?? {}) as Record<string, unknown>;
  const { name, N, r, p } = KDF;
  if (kdf["name"] !== name || kdf["N"] !== N || kdf["r"] !== r || kdf["p"] !== p) {
    throw unreadable(path, "is sealed in another way than this version knows");
  }
  if (found["cipher"] !== CIPHER) throw unreadable(path, "is sealed with another cipher");
  const salt = bytesOf(kdf["saltBase64"]);
  const nonce = bytesOf(found["nonceBase64"]);
  const secret = bytesOf(found["secretBase64"]);
  if (salt.length < SALT_BYTES || nonce.length !== NONCE_BYTES || secret.length !== SEED_BYTES + TAG_BYTES) {
    throw unreadable(path, "is damaged: salt, nonce or secret has not its length");
  }
  return { secret, seal: { salt, nonce } };
}

function bytesOf(encoded: unknown): Buffer {
  return typeof encoded === "string" ? Buffer.from(encoded, "base64") : Buffer.alloc(0);
}

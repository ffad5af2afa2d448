/** HTTP-style signatures as Beckn uses them: a header over BLAKE2b-512 of the raw body; a body is never rewritten. */

import { blake2b } from "@noble/hashes/blake2.js";
import { encodeUtf8, equalBytes, fromBase64, toBase64 } from "../bytes.ts";
import { isProtocolError, ProtocolError } from "../errors.ts";
import type { Signer } from "../signer.ts";
import type { VerifyEngine } from "../strict-verify.ts";

/** What we send lives this long, seconds. */
const SIGNATURE_LIFETIME_S = 300;
/** Longest lifetime taken in, seconds. */
const MAX_SIGNATURE_LIFETIME_S = 3_600;
/** How far ahead of our clock `created` may be, seconds. */
const MAX_SIGNATURE_AHEAD_S = 5;

const THREE_LINES = "(created) (expires) digest";
const FOUR_LINES = "(created) (expires) digest request-signature";
/** The prefix that a later document asks for and nobody's software writes. */
const NFH_PREFIX = "BLAKE2b-512=";
const COUNTER_LINES = "(created) (expires) digest (request-digest) (message-id)";

const linesByHeaders: ReadonlyMap<string, AuthorizationHeader["lines"]> = new Map([
  [THREE_LINES, "three"],
  [FOUR_LINES, "four"],
  [COUNTER_LINES, "counter"],
]);

const HEADER =
  /^Signature keyId="([^"|]{1,256})\|([^"|]{1,256})\|([a-z0-9-]{1,32})",algorithm="([a-z0-9-]{1,32})",created="(\d{1,12})",expires="(\d{1,12})",headers="([^"]{1,128})",signature="([A-Za-z0-9+/]{86}==)"$/;

export interface AuthorizationHeader {
  readonly subscriberId: string;
  readonly keyId: string;
  /** Unix seconds. */
  readonly created: number;
  readonly expires: number;
  readonly lines: "three" | "four" | "counter";
  /** 88 characters of base64; what a four-line answer binds itself to. */
  readonly signature: string;
}

/** What a signature covers besides the body. */
export interface SignatureBinding {
  /** The base64 signature of the request this answers: the fourth line. */
  readonly requestSignature?: string | undefined;
  /** Counter-signature of a 2.0 ACK: base64 digest of the request and its message_id. */
  readonly counter?: { readonly requestDigest: string; readonly messageId: string } | undefined;
}

/** Base64 of BLAKE2b-512 over the raw bytes. */
export function becknDigest(body: Uint8Array): string {
  return toBase64(blake2b(body, { dkLen: 64 }));
}

/** The text that is signed: three to five lines, no newline at the end. */
export function signingString(
  times: {
    readonly created: number;
    readonly expires: number;
    readonly digest: string;
    readonly prefix?: string;
  },
  binding: SignatureBinding = {},
): string {
  const lines = [
    `(created): ${times.created}`,
    `(expires): ${times.expires}`,
    `digest: ${times.prefix ?? "BLAKE-512="}${times.digest}`,
  ];
  if (binding.counter) {
    lines.push(`(request-digest): BLAKE-512=${binding.counter.requestDigest}`);
    lines.push(`(message-id): ${binding.counter.messageId}`);
  } else if (binding.requestSignature !== undefined) {
    lines.push(`request-signature: ${binding.requestSignature}`);
  }
  return lines.join("\n");
}

/** The name a signature is made under. */
export interface SignatureName {
  readonly subscriberId: string;
  readonly keyId: string;
}

/** Signs a body as `ed25519:<base58>`, or under another name of the same key, valid for 300 s from `nowS`. */
export function signBeckn(
  body: Uint8Array,
  signer: Signer,
  options: SignatureBinding & { readonly nowS: number; readonly as?: SignatureName | undefined },
): string {
  const created = Math.floor(options.nowS);
  const expires = created + SIGNATURE_LIFETIME_S;
  const text = signingString({ created, expires, digest: becknDigest(body) }, options);
  const signature = toBase64(signer.sign(encodeUtf8(text)));
  const covered = options.counter
    ? COUNTER_LINES
    : options.requestSignature === undefined
      ? THREE_LINES
      : FOUR_LINES;
  const { agentId } = signer;
  const { subscriberId, keyId } = options.as ?? {
    subscriberId: agentId,
    keyId: agentId.replace(/^ed25519:/, ""),
  };
  return (
    `Signature keyId="${subscriberId}|${keyId}|ed25519",algorithm="ed25519",` +
    `created="${created}",expires="${expires}",headers="${covered}",signature="${signature}"`
  );
}

/** Reads the header by its grammar alone. @throws BECKN_SIGNATURE_INVALID. */
export function parseAuthorization(text: string | undefined): AuthorizationHeader {
  if (text === undefined) throw invalid("no Authorization", "AUT_SIGNATURE_MISSING");
  const [, subscriberId, keyId, keyAlgorithm, algorithm, created, expires, covered, signature] =
    HEADER.exec(text.length <= 2_048 ? text : "") ?? [];
  if (subscriberId === undefined || keyId === undefined || signature === undefined) {
    throw invalid("the header breaks the grammar");
  }
  if (algorithm !== "ed25519" || keyAlgorithm !== algorithm)
    throw invalid("algorithm is not ed25519 in both places");
  const lines = linesByHeaders.get(covered ?? "");
  if (lines === undefined) throw invalid(`headers="${covered ?? ""}"`);
  return { subscriberId, keyId, created: Number(created), expires: Number(expires), lines, signature };
}

/** Whether the header's window holds now; relays judge this apart, since clocks differ. */
export function signatureWindow(
  header: AuthorizationHeader,
  nowS: number,
): "open" | "early" | "expired" | "too long" {
  if (header.expires - header.created > MAX_SIGNATURE_LIFETIME_S || header.expires < header.created)
    return "too long";
  if (header.created > nowS + MAX_SIGNATURE_AHEAD_S) return "early";
  return header.expires < nowS ? "expired" : "open";
}

export interface BecknVerification extends SignatureBinding {
  readonly engine: VerifyEngine;
  /** `becknDigest` of the body, where the caller has it. */
  readonly digest?: string | undefined;
  readonly publicKey: Uint8Array;
  /** Also take signatures over `digest: BLAKE2b-512=`; off unless an operator wants it. */
  readonly acceptNfhDigestPrefix?: boolean | undefined;
}

/** Checks the signature over the raw body; the window is judged by `signatureWindow`. @throws BECKN_SIGNATURE_INVALID. */
export function verifySignature(
  header: AuthorizationHeader,
  body: Uint8Array,
  options: BecknVerification,
): void {
  const binding = bindingFor(header, options);
  const { created, expires } = header;
  const digest = options.digest ?? becknDigest(body);
  const signature = decodeSignature(header.signature);
  const holds = (times: Parameters<typeof signingString>[0]) =>
    options.engine(signature, encodeUtf8(signingString(times, binding)), options.publicKey);
  if (holds({ created, expires, digest })) return;
  if (options.acceptNfhDigestPrefix === true && holds({ created, expires, digest, prefix: NFH_PREFIX }))
    return;
  throw invalid("the signature does not hold");
}

/**
 * As `verifySignature`, where several requests may be what it answers: the signature of the one it is bound to; undefined
 * where it is bound to none. @throws BECKN_SIGNATURE_INVALID.
 */
export function verifyBound(
  header: AuthorizationHeader,
  body: Uint8Array,
  options: Omit<BecknVerification, keyof SignatureBinding> & { readonly bound: readonly string[] },
): string | undefined {
  const { bound, ...rest } = options;
  const digest = rest.digest ?? becknDigest(body);
  if (header.lines !== "four") {
    verifySignature(header, body, { ...rest, digest });
    return undefined;
  }
  for (const requestSignature of bound) {
    if (holdsFor(header, body, { ...rest, digest, requestSignature })) return requestSignature;
  }
  throw invalid("it is bound to a request that is not known");
}

function holdsFor(header: AuthorizationHeader, body: Uint8Array, options: BecknVerification): boolean {
  try {
    verifySignature(header, body, options);
    return true;
  } catch (error) {
    if (isProtocolError(error)) return false;
    throw error;
  }
}

/** Grammar, window, key and signature in that order. @throws BECKN_SIGNATURE_INVALID, BECKN_SUBSCRIBER_UNKNOWN. */
export function verifyAuthorization(
  text: string | undefined,
  body: Uint8Array,
  options: Omit<BecknVerification, "publicKey"> & {
    readonly nowS: number;
    readonly keyOf: (subscriberId: string, keyId: string) => Uint8Array | undefined;
  },
): AuthorizationHeader & { readonly publicKey: Uint8Array } {
  const header = parseAuthorization(text);
  const window = signatureWindow(header, options.nowS);
  if (window !== "open") throw invalid(`the signature's window is ${window}`);
  const publicKey = options.keyOf(header.subscriberId, header.keyId);
  if (!publicKey) {
    throw new ProtocolError("BECKN_SUBSCRIBER_UNKNOWN", `no key of ${header.subscriberId}`, {
      data: { beckn: "AUT_KEY_NOT_FOUND" },
    });
  }
  verifySignature(header, body, { ...options, publicKey });
  return { ...header, publicKey };
}

/** Two signatures of one reply must be of one key. @throws BECKN_SIGNATURE_INVALID. */
export function sameSigner(
  a: { readonly publicKey: Uint8Array },
  b: { readonly publicKey: Uint8Array },
): void {
  if (!equalBytes(a.publicKey, b.publicKey)) throw invalid("two proofs by two keys");
}

/**
 * What a callback's signature covers besides its body: an asked-for answer of revision 2 binds itself to its request, a
 * push has none to bind itself to, and version 1 knows no fourth line.
 */
export function callbackBinding(
  profile: "beckn/1" | "beckn/2",
  requestSignature: string | undefined,
): SignatureBinding {
  return profile === "beckn/2" && requestSignature !== undefined ? { requestSignature } : {};
}

function bindingFor(header: AuthorizationHeader, known: SignatureBinding): SignatureBinding {
  if (header.lines === "three") return {};
  if (header.lines === "four" && known.requestSignature !== undefined) {
    return { requestSignature: known.requestSignature };
  }
  if (header.lines === "counter" && known.counter) return { counter: known.counter };
  throw invalid("it is bound to a request that is not known");
}

function decodeSignature(text: string): Uint8Array {
  const bytes = fromBase64(text, 64);
  if (!bytes) throw invalid("the base64 is not canonical");
  return bytes;
}

function invalid(why: string, name = "AUT_SIGNATURE_INVALID"): ProtocolError {
  return new ProtocolError("BECKN_SIGNATURE_INVALID", why, { data: { beckn: name } });
}

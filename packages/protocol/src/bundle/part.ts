/** One header and its body: that they belong together, and who signed them. */

import { becknDigest } from "../beckn/index.ts";
import { decodeReplyHeader, decodeRequestHeader } from "../beckn/frame.ts";
import { type AuthorizationHeader, parseAuthorization, verifyBound } from "../beckn/signature.ts";
import { selfCertifyingKey } from "../beckn/subscriber.ts";
import { encodeUtf8, fromBase64 } from "../bytes.ts";
import { agentIdFromKey } from "../identity.ts";
import type { VerifyEngine } from "../strict-verify.ts";
import type { AskedSignatures } from "./asked.ts";
import type { BundlePart } from "./bundle.ts";
import { invalid } from "./invalid.ts";

export interface CheckedPart {
  /** agent_id. */
  readonly signer: string;
  readonly authorization: AuthorizationHeader;
  /** Undefined where it was left out. */
  readonly body: Uint8Array | undefined;
}

export interface CheckedRequest extends CheckedPart {
  readonly path: string;
  readonly profile: "beckn/1" | "beckn/2";
}

/**
 * @param asked - signatures of the requests that it may be bound to
 * @throws BUNDLE_INVALID.
 */
export function checkRequest(
  part: BundlePart,
  at: string,
  options: { readonly engine: VerifyEngine; readonly asked?: AskedSignatures | undefined },
): CheckedRequest {
  const { engine, asked } = options;
  const header = within(`${at}.header`, () => decodeRequestHeader(encodeUtf8(part.header)));
  const body = bodyOf(part, at);
  const { path, profile, headers } = header;
  const bound = asked?.of(header) ?? [];
  const checked = check(headers.authorization, { part, at, engine, body, bound });
  return { ...checked, path, profile };
}

/** A reply that bears no proof has no signer. @throws BUNDLE_INVALID. */
export function checkReply(
  part: BundlePart,
  at: string,
  options: { readonly engine: VerifyEngine; readonly requestSignature: string },
): CheckedPart | undefined {
  const { headers } = within(`${at}.header`, () => decodeReplyHeader(encodeUtf8(part.header)));
  const body = bodyOf(part, at);
  if (headers.signature === undefined) return undefined;
  const { engine, requestSignature } = options;
  return check(headers.signature, { part, at, body, engine, bound: [requestSignature] });
}

function check(
  text: string,
  options: {
    readonly part: BundlePart;
    readonly at: string;
    readonly engine: VerifyEngine;
    readonly body: Uint8Array | undefined;
    /** Requests that it may answer. */
    readonly bound: readonly string[];
  },
): CheckedPart {
  const { part, at, engine, body, bound } = options;
  return within(`${at}.header`, () => {
    const authorization = parseAuthorization(text);
    const publicKey = selfCertifyingKey(authorization.subscriberId);
    if (publicKey === undefined) throw new Error(`nobody can tell the key of ${authorization.subscriberId}`);
    const { digest } = part;
    verifyBound(authorization, body ?? new Uint8Array(), { engine, publicKey, digest, bound });
    return { signer: agentIdFromKey(publicKey), authorization, body };
  });
}

function bodyOf({ body: text, digest }: BundlePart, at: string): Uint8Array | undefined {
  if (text === null) return undefined;
  const body = fromBase64(text);
  if (body === undefined || becknDigest(body) !== digest)
    throw invalid(`${at}.body`, "is not what its digest says");
  return body;
}

function within<Result>(at: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw invalid(at, error instanceof Error ? error.message : String(error), error);
  }
}

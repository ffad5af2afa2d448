/** Bytes that leave over HTTP: as they were signed, and to places the operator named alone. */

import type { OutsideMessage, OutsideReply } from "@gridmesh/node";
import { becknWire, ProtocolError } from "@gridmesh/protocol";
import { boundedBody } from "./bounded-body.ts";

const MAX_REPLY_BYTES = 64 * 1024;

/** @throws UPSTREAM_FORBIDDEN when the operator has not named the place. */
export function allowedPlace(uri: string, partners: readonly string[]): string {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const known = partners.some((partner) => URL.canParse(partner) && new URL(partner).origin === url?.origin);
  // Other schemes have no origin of their own, or borrow one.
  if (url === undefined || !known || !/^https?:$/.test(url.protocol)) {
    throw new ProtocolError(
      "UPSTREAM_FORBIDDEN",
      `${url?.origin ?? uri.slice(0, 80)} is no place this gateway sends to; its operator may add it to beckn.http.partners`,
    );
  }
  return url.href;
}

/** Posts a message to `<place>/<action>`, the action as its revision calls it. @throws UPSTREAM_FAILED. */
export async function post(
  place: string,
  message: OutsideMessage,
  wait: { readonly timeoutMs: number },
): Promise<OutsideReply> {
  const { profile, action } = message;
  const url = `${place.replace(/\/$/, "")}/${becknWire(profile)?.actions.nameOf(action) ?? action}`;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: message.authorization },
      // A copy with a buffer of its own: a view of a larger one is no body.
      body: new Uint8Array(message.body),
      redirect: "error",
      signal: AbortSignal.timeout(wait.timeoutMs),
    });
    const body = await boundedBody(response, MAX_REPLY_BYTES);
    const signature = response.headers.get("signature");
    return { status: response.status, body, ...(signature === null ? {} : { signature }) };
  } catch (error) {
    throw new ProtocolError("UPSTREAM_FAILED", `${new URL(url).origin} did not answer ${message.action}`, {
      cause: error,
    });
  }
}

/** A Beckn participant as others write them: HTTP and a key look-up, and no word of any mesh. */

import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const HEADER =
  /^Signature keyId="([^|"]+)\|([^|"]+)\|ed25519",algorithm="ed25519",created="(\d+)",expires="(\d+)",headers="\(created\) \(expires\) digest",signature="([^"]+)"$/;
/** So long a message is waited for. */
const NEXT_MS = 20_000;
/** What comes before the 32 bytes of a raw Ed25519 key in its DER form. */
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const ACK = JSON.stringify({ message: { ack: { status: "ACK" } } });

export interface Taken {
  readonly action: string;
  readonly authorization: string;
  readonly body: Buffer;
  readonly context: Readonly<Record<string, string>>;
}

export interface PlainParticipant extends AsyncDisposable {
  readonly url: string;
  readonly taken: readonly Taken[];
  /** The next message of this action, also one that has come already and was not asked for yet. */
  next(action: string): Promise<Taken>;
  /** Posts a body to its adapter to be signed. */
  say(adapter: string, path: string, body: string): Promise<{ status: number; text: string }>;
}

/** @param keysAt - where it looks keys up. Every message must bear a signature that holds, else it answers 401. */
export async function plainParticipant(
  keysAt: () => string,
  options: {
    readonly onTaken?: (taken: Taken) => void;
    readonly port?: number;
    /** Leaves signatures to its adapter, which alone knows what a four-line one is bound to. */
    readonly trusting?: boolean;
  } = {},
): Promise<PlainParticipant> {
  const taken: Taken[] = [];
  const asked = new Map<string, number>();
  const waiting = new Map<string, () => void>();
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const body = Buffer.concat(pieces);
      const action = (request.url ?? "/").slice(1);
      const authorization = request.headers.authorization ?? "";
      const checked = options.trusting === true || holds(keysAt(), authorization, body);
      void Promise.resolve(checked).then((isSigned) => {
        response.writeHead(isSigned ? 200 : 401, { "content-type": "application/json" });
        response.end(isSigned ? ACK : JSON.stringify({ message: { ack: { status: "NACK" } } }));
        if (!isSigned) return;
        const { context } = JSON.parse(body.toString()) as { context: Record<string, string> };
        const message = { action, authorization, body, context };
        taken.push(message);
        waiting.get(action)?.();
        options.onTaken?.(message);
      });
    });
  }).listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    async next(action) {
      const index = asked.get(action) ?? 0;
      asked.set(action, index + 1);
      for (;;) {
        const found = taken.filter((message) => message.action === action)[index];
        if (found !== undefined) return found;
        const late = AbortSignal.timeout(NEXT_MS);
        await new Promise<void>((resolve, reject) => {
          waiting.set(action, resolve);
          late.addEventListener("abort", () => reject(new Error(`no ${action} came`)), { once: true });
        });
      }
    },
    async say(adapter, path, body) {
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${adapter}${path}`, { method: "POST", headers, body });
      return { status: response.status, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The signature over the raw body, with the key that a look-up names. */
async function holds(keysAt: string, authorization: string, body: Buffer): Promise<boolean> {
  const [, subscriber = "", keyId = "", created = "", expires = "", signature = ""] =
    HEADER.exec(authorization) ?? [];
  const path = `/dedi/lookup/${encodeURIComponent(subscriber)}/subscribers.beckn.one/${encodeURIComponent(keyId)}`;
  const response = await fetch(`${keysAt}${path}`);
  if (!response.ok) return false;
  const { data } = (await response.json()) as { data: { details: { signing_public_key: string } } };
  const raw = Buffer.from(data.details.signing_public_key, "base64");
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
  const digest = createHash("blake2b512").update(body).digest("base64");
  const text = `(created): ${created}\n(expires): ${expires}\ndigest: BLAKE-512=${digest}`;
  return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
}

/** A message with blanks and an order of members that no library would write. */
export function bodyOf(options: {
  readonly action: string;
  readonly bap: { readonly id: string; readonly uri: string };
  readonly bpp?: { readonly id: string; readonly uri: string };
  readonly transactionId: string;
  readonly messageId?: string;
  readonly message: object;
  /** Default 1.1. */
  readonly revision?: "1.1" | "2.0";
}): string {
  const { action, bap, bpp, transactionId, messageId = randomUUID(), message, revision = "1.1" } = options;
  if (revision === "2.0") return bodyOf2({ action, bap, bpp, transactionId, messageId, message });
  const context = {
    ttl: "PT30S",
    timestamp: new Date().toISOString(),
    transaction_id: transactionId,
    message_id: messageId,
    ...(bpp === undefined ? {} : { bpp_uri: bpp.uri, bpp_id: bpp.id }),
    bap_uri: bap.uri,
    bap_id: bap.id,
    version: "1.1.0",
    action,
    location: { country: { code: "USA" }, city: { code: "std:0000" } },
    domain: "energy",
  };
  return ` {\n\t"message" :${JSON.stringify(message, undefined, 3)},"context":  ${JSON.stringify(context, undefined, 1)}\n}\n`;
}

/** As others write revision 2, in no order at all. */
function bodyOf2(options: {
  readonly action: string;
  readonly bap: { readonly id: string; readonly uri: string };
  readonly bpp?: { readonly id: string; readonly uri: string } | undefined;
  readonly transactionId: string;
  readonly messageId: string;
  readonly message: object;
}): string {
  const { action, bap, bpp, transactionId, messageId, message } = options;
  const context = {
    ttl: "PT30S",
    timestamp: new Date().toISOString(),
    transactionId,
    messageId,
    ...(bpp === undefined ? {} : { bppUri: bpp.uri, bppId: bpp.id }),
    bapUri: bap.uri,
    bapId: bap.id,
    version: "2.0.0",
    action,
    networkId: "gridmesh/plain",
  };
  return ` {\n\t"message" :${JSON.stringify(message, undefined, 3)},"context":  ${JSON.stringify(context, undefined, 1)}\n}\n`;
}

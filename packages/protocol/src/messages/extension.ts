/** Messages of anybody's making: `ext:<name>`, and the table of those that a node knows. */

import * as z from "zod";
import { canonicalBytes } from "../canonical.ts";
import { ProtocolError } from "../errors.ts";
import { once } from "../once.ts";
import type { Priority } from "../priority.ts";
import { parseVersion } from "../version.ts";
import { agentId, cid, count, multiaddr, peerId, sha256Text, unixS, version } from "./fields.ts";
import { dataGrantSchema } from "./data.ts";
import type { MessageSchema, StreamKind } from "./schema.ts";

const NAME = /^ext:[a-z0-9_.-]{1,64}$/;

/** The fields of every extension beside the common header; `data` is the extension's own. */
export const extensionSchema = z.strictObject({
  extension_version: version,
  data: z.json(),
  /** Who does not know the extension drops it without an error. */
  optional: z.boolean().optional(),
});

/** What the ladder knows of a type that begins with `ext:`. */
export const extensionMessage: MessageSchema = {
  signerField: "agent_id",
  body: extensionSchema,
  streams: [],
  first: "same",
};

/** An extension: which messages are its own, and what becomes of them. */
export interface Extension<Data = unknown> {
  /** `ext:` and a name, best prefixed by its vendor. */
  readonly name: string;
  /** Of `extension_version`; one extension may be registered once per major. */
  readonly major: number;
  /** What `data` must be. */
  readonly schema: z.ZodType<Data>;
  /** Of `data` in canonical form. */
  readonly maxBytes: number;
  /** Streams it may come on. */
  readonly streams: readonly StreamKind[];
  /** Its class on both sides; critical holds for allow-listed signers alone. */
  readonly priority: Priority;
  handler(message: ExtensionMessage<Data>): void | Promise<void>;
}

/** A message of a known extension, its signature proven. */
export interface ExtensionMessage<Data = unknown> {
  readonly name: string;
  readonly extensionVersion: string;
  readonly data: Data;
  /** agent_id of the signer. */
  readonly signerId: string;
  readonly messageId: string;
  /** PeerId it came from. */
  readonly peerId: string;
}

/** An extension message as it came up the ladder. */
export interface HeardExtension {
  readonly type: string;
  readonly signerId: string;
  readonly messageId: string;
  readonly peerId: string;
  readonly stream: StreamKind;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What to run, once it is admitted. */
export interface ExtensionMatch {
  readonly extension: Extension;
  readonly message: ExtensionMessage;
}

/** The extensions a node knows, by name and major. */
export class ExtensionTable {
  readonly #known = new Map<string, { readonly extension: Extension }>();

  /**
   * Adds an extension; dispose what is returned to take it away.
   * @throws CONFIG_INVALID when the name is none, or its major is registered already.
   */
  register<Data>(extension: Extension<Data>): Disposable {
    const { name, major } = extension;
    if (!NAME.test(name) || !Number.isSafeInteger(major) || major < 0) {
      throw new ProtocolError("CONFIG_INVALID", `"${name}" ${major} names no extension`);
    }
    const key = keyOf(name, major);
    if (this.#known.has(key)) throw new ProtocolError("CONFIG_INVALID", `${key} is registered already`);
    const entry = { extension: extension as Extension };
    this.#known.set(key, entry);
    return {
      [Symbol.dispose]: () => {
        if (this.#known.get(key) === entry) this.#known.delete(key);
      },
    };
  }

  /** Names and majors, sorted: `ext:security.alert 1`. */
  list(): readonly string[] {
    return [...this.#known.keys()].toSorted();
  }

  /** The class an extension asked for; undefined for one that is not known. */
  priorityOf(type: string, major: number): Priority | undefined {
    return this.#known.get(keyOf(type, major))?.extension.priority;
  }

  /**
   * The extension of a message and its data as the extension's schema reads it; undefined for an unknown one that is
   * `optional`: it is counted, shown and dropped.
   * @throws EXTENSION_UNSUPPORTED (unknown, another major, not on this stream), FRAME_TOO_LARGE, SCHEMA_INVALID.
   */
  match(heard: HeardExtension): ExtensionMatch | undefined {
    const body = heard.body as z.infer<typeof extensionSchema>;
    const [major] = parseVersion(body.extension_version);
    const extension = this.#known.get(keyOf(heard.type, major))?.extension;
    if (extension === undefined) {
      if (body.optional === true) return undefined;
      throw this.#unsupported(heard.type, body.extension_version);
    }
    if (!extension.streams.includes(heard.stream)) {
      throw new ProtocolError("EXTENSION_UNSUPPORTED", `${heard.type} is not for ${heard.stream} streams`);
    }
    if (canonicalBytes(body.data).length > extension.maxBytes) {
      throw new ProtocolError("FRAME_TOO_LARGE", `${heard.type} holds more than ${extension.maxBytes} bytes`);
    }
    const parsed = extension.schema.safeParse(body.data);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const where = issue?.path.join(".") ?? "";
      throw new ProtocolError(
        "SCHEMA_INVALID",
        `${heard.type}: ${where} ${issue?.message ?? ""}`.slice(0, 300),
      );
    }
    const { type: name, signerId, messageId, peerId: from } = heard;
    const { extension_version: extensionVersion } = body;
    return {
      extension,
      message: { name, extensionVersion, data: parsed.data, signerId, messageId, peerId: from },
    };
  }

  #unsupported(type: string, wanted: string): ProtocolError {
    const prefix = `${type} `;
    const majors = this.list()
      .filter((key) => key.startsWith(prefix))
      .map((key) => Number(key.slice(prefix.length)));
    return new ProtocolError("EXTENSION_UNSUPPORTED", `${type} ${wanted}`, {
      data: { extension: type, majors },
    });
  }
}

function keyOf(name: string, major: number): string {
  return `${name} ${major}`;
}

/** `ext:security.alert`: somebody was caught; the evidence is kept under its content address. */
const securityAlertSchema = once(() =>
  z.strictObject({
    kind: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
    /** agent_id or PeerId of who was caught. */
    subject: z.union([agentId, peerId]),
    evidence_cid: cid,
    /** Unix seconds up to which the sender acts on it. */
    until: unixS,
  }),
);

/** `ext:data.pin`: please keep these bytes. */
const dataPinSchema = once(() =>
  z.strictObject({
    cid,
    size_bytes: count,
    checksum: sha256Text,
    /** agent_id of whose bytes they are. */
    owner: agentId,
    /** Unix seconds. */
    until: unixS,
    providers: z.array(z.union([peerId, multiaddr])).max(8),
    grant: dataGrantSchema(),
  }),
);

/** `ext:data.pin_receipt`: they are kept. */
const dataPinReceiptSchema = once(() => z.strictObject({ cid, until: unixS, held_bytes: count }));

/** `ext:data.unpin`: they need not be kept any longer. */
const dataUnpinSchema = once(() => z.strictObject({ cid }));

export type SecurityAlert = Readonly<z.infer<ReturnType<typeof securityAlertSchema>>>;
export type DataPin = Readonly<z.infer<ReturnType<typeof dataPinSchema>>>;
export type DataPinReceipt = Readonly<z.infer<ReturnType<typeof dataPinReceiptSchema>>>;
export type DataUnpin = Readonly<z.infer<ReturnType<typeof dataUnpinSchema>>>;

/** An extension without what becomes of its messages. */
export type ExtensionShape<Data = unknown> = Omit<Extension<Data>, "handler">;

/** The extensions that ship with the protocol; a node that acts on one registers it with its handler. */
export const shippedExtensions = {
  securityAlert: {
    name: "ext:security.alert",
    major: 1,
    get schema() {
      return securityAlertSchema();
    },
    maxBytes: 1_024,
    streams: ["control"],
    priority: "critical",
  } satisfies ExtensionShape<SecurityAlert>,
  dataPin: {
    name: "ext:data.pin",
    major: 1,
    get schema() {
      return dataPinSchema();
    },
    maxBytes: 8_192,
    streams: ["control"],
    priority: "low",
  } satisfies ExtensionShape<DataPin>,
  dataPinReceipt: {
    name: "ext:data.pin_receipt",
    major: 1,
    get schema() {
      return dataPinReceiptSchema();
    },
    maxBytes: 1_024,
    streams: ["control"],
    priority: "low",
  } satisfies ExtensionShape<DataPinReceipt>,
  dataUnpin: {
    name: "ext:data.unpin",
    major: 1,
    get schema() {
      return dataUnpinSchema();
    },
    maxBytes: 1_024,
    streams: ["control"],
    priority: "low",
  } satisfies ExtensionShape<DataUnpin>,
};

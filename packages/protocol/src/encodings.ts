/**
 * How a message is spelled in a frame: JSON, CBOR or protobuf, with or without gzip. Whatever the spelling, what is
 * meant is one JSON value, and its canonical form is what the signature covers.
 */

import { canonicalBytes, canonicalize, parseCanonical, readCanonicalized } from "./canonical.ts";
import { encodeUtf8, equalBytes } from "./bytes.ts";
import { isProtocolError, messageOf, ProtocolError } from "./errors.ts";
import { encodeFrame, frameFlags } from "./frame.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { limits } from "./limits.ts";
import type { StreamKind } from "./messages/schema.ts";

export type Encoding = "json" | "cbor" | "protobuf";

/** One spelling of messages. */
export interface BodyCodec {
  encode(message: JsonObject): Uint8Array;
  /** May throw anything: whoever calls it names the error. */
  decode(bytes: Uint8Array): unknown;
  /** Is there one spelling of each value, so that any other is refused? */
  readonly exact: boolean;
}

/** The spellings a node has loaded beside JSON. */
export type Codecs = ReadonlyMap<Encoding, BodyCodec>;

/** What two sides agreed on for one stream: what is read, and what is sent. */
export interface WireForm {
  readonly codecs: Codecs;
  readonly sends: Encoding;
  readonly gzip: boolean;
}

/** Plain JSON: before hello, and where nothing else was agreed on. */
export const plainForm: WireForm = { codecs: new Map(), sends: "json", gzip: false };

const OPTIONAL = ["protobuf", "cbor"] as const;
const FLAGS: Readonly<Record<Encoding, number>> = {
  json: frameFlags.none,
  cbor: frameFlags.cbor,
  protobuf: frameFlags.protobuf,
};
/** Header, an empty block, checksum and length. */
const MIN_GZIP_BYTES = 20;
const ENCODING_BITS = frameFlags.cbor | frameFlags.protobuf;
/** Spoken before anything is agreed on. */
const GREETINGS: ReadonlySet<unknown> = new Set(["hello", "hello_ack"]);

/** Loads the spellings among these features; those that are not used cost nothing. */
export async function loadCodecs(features: Iterable<string>): Promise<Codecs> {
  const wanted = new Set(features);
  const codecs = new Map<Encoding, BodyCodec>();
  if (wanted.has("cbor")) codecs.set("cbor", (await import("./encodings/cbor.ts")).cborCodec);
  if (wanted.has("protobuf")) {
    codecs.set("protobuf", (await import("./encodings/protobuf.ts")).protobufCodec());
  }
  return codecs;
}

/** The form of a stream by the features both sides agreed on: the smallest spelling; gzip on task streams alone. */
export function wireFormOf(features: readonly string[], stream: StreamKind, codecs: Codecs): WireForm {
  const agreed = OPTIONAL.filter((name) => features.includes(name));
  const used = new Map<Encoding, BodyCodec>();
  for (const name of agreed) {
    const codec = codecs.get(name);
    if (codec === undefined) throw new TypeError(`${name} was agreed on but is not loaded`);
    used.set(name, codec);
  }
  const gzip = stream === "task" && features.includes("compression");
  return { codecs: used, sends: agreed[0] ?? "json", gzip };
}

export interface EncodeOptions {
  readonly form: WireForm;
  /** Compresses; used from 1 KiB on where the form allows it and it makes the message smaller. */
  readonly gzip?: ((bytes: Uint8Array) => Uint8Array) | undefined;
}

/** The content of a frame: flags, then the message as the form spells it; a greeting is always plain JSON. */
export function encodeBody(message: JsonObject, options: EncodeOptions): Uint8Array {
  const { form, gzip } = options;
  const isGreeting = GREETINGS.has(message["type"]);
  const sends = isGreeting ? "json" : form.sends;
  const body = form.codecs.get(sends)?.encode(message) ?? canonicalBytes(message);
  if (gzip !== undefined && form.gzip && !isGreeting && body.length >= limits.gzipFromBytes) {
    const packed = gzip(body);
    if (packed.length < body.length) return encodeFrame(FLAGS[sends] | frameFlags.gzip, packed);
  }
  return encodeFrame(FLAGS[sends], body);
}

export interface DecodeOptions {
  readonly form: WireForm;
  /** Bound of the message, inflated and as canonical JSON. */
  readonly maxBytes: number;
  /** Inflates gzip; throws, ERR_BUFFER_TOO_LARGE among others, once it has made more than `maxBytes`. */
  readonly inflate?: ((bytes: Uint8Array, maxBytes: number) => Uint8Array) | undefined;
}

/**
 * The message of a frame's content as `openMessage` takes it; the same strict rules hold in every spelling.
 * @throws ENCODING_UNSUPPORTED (not agreed on), DECOMPRESSION_LIMIT, FRAME_TOO_LARGE, MESSAGE_MALFORMED.
 */
export function decodeBody(content: Uint8Array, options: DecodeOptions): JsonValue {
  const { form, maxBytes } = options;
  const flags = content[0];
  if (flags === undefined) throw new ProtocolError("MESSAGE_MALFORMED", "an empty frame");
  const codec = codecOf(flags, form);
  const packed = content.subarray(1);
  const body = (flags & frameFlags.gzip) === 0 ? packed : inflated(packed, options);
  if (body.length > maxBytes) throw tooLarge(body.length);
  if (codec === undefined) return parseCanonical(body);
  return readForeign(body, codec, maxBytes);
}

/** Undefined for JSON. @throws ENCODING_UNSUPPORTED. */
function codecOf(flags: number, form: WireForm): BodyCodec | undefined {
  const spelled = flags & ENCODING_BITS;
  const name = OPTIONAL.find((one) => FLAGS[one] === spelled);
  const codec = name === undefined ? undefined : form.codecs.get(name);
  const isKnown = spelled === FLAGS.json || codec !== undefined;
  const zipped = (flags & frameFlags.gzip) !== 0;
  const others = flags & ~(ENCODING_BITS | frameFlags.gzip);
  if (!isKnown || others !== 0 || (zipped && !form.gzip)) {
    throw new ProtocolError("ENCODING_UNSUPPORTED", `flags ${flags.toString(2).padStart(8, "0")}`);
  }
  return codec;
}

/** gzip ends with the length of its content: a bomb says so itself, and what says less than it holds goes no further. */
function inflated(packed: Uint8Array, { inflate, maxBytes }: DecodeOptions): Uint8Array {
  if (inflate === undefined) throw new ProtocolError("ENCODING_UNSUPPORTED", "gzip is not read here");
  if (packed.length < MIN_GZIP_BYTES) throw malformed("not gzip");
  const said = new DataView(packed.buffer, packed.byteOffset).getUint32(packed.length - 4, true);
  if (said > maxBytes) throw bomb(`says it inflates to ${said} bytes`);
  let body: Uint8Array;
  try {
    body = inflate(packed, Math.max(1, said));
  } catch (cause) {
    if (isProtocolError(cause)) throw cause;
    const isMore = cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
    throw isMore ? bomb("inflates to more than it says", cause) : malformed("not gzip", cause);
  }
  if (body.length > said) throw bomb("inflates to more than it says");
  if (body.length < said) throw malformed("inflates to less than it says");
  return body;
}

/** Through canonical JSON, so that depth, members, numbers, keys and strings are judged by one reader. */
function readForeign(body: Uint8Array, codec: BodyCodec, maxBytes: number): JsonValue {
  let text: string;
  try {
    const value = codec.decode(body);
    text = canonicalize(value);
    if (codec.exact && !equalBytes(codec.encode(value as JsonObject), body)) {
      throw new ProtocolError("MESSAGE_MALFORMED", "the bytes are not in their one form");
    }
  } catch (cause) {
    throw isProtocolError(cause) ? cause : malformed(messageOf(cause).slice(0, 200), cause);
  }
  const bytes = encodeUtf8(text);
  if (bytes.length > maxBytes) throw tooLarge(bytes.length);
  return readCanonicalized(text, bytes);
}

function malformed(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("MESSAGE_MALFORMED", why, { cause });
}

function bomb(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("DECOMPRESSION_LIMIT", why, { cause });
}

function tooLarge(bytes: number): ProtocolError {
  return new ProtocolError("FRAME_TOO_LARGE", `${bytes} bytes`);
}

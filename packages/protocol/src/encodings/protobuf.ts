/**
 * Messages as protocol buffers: one frame type with a field per message type, and `google.protobuf.Struct` for whatever
 * would come back as something else.
 */

import { fromBinary, fromJson, type JsonValue as ProtobufJson, toBinary, toJson } from "@bufbuild/protobuf";
import type { BodyCodec } from "../encodings.ts";
import { canonicalize } from "../canonical.ts";
import { isJsonObject } from "../header.ts";
import type { JsonObject } from "../json.ts";
import { messageSchemas } from "../messages/index.ts";
import { EXTENSION, frameDescriptor, STRUCT } from "./protobuf-schema.ts";

/** Structs nest two messages for each level of JSON. */
const RECURSION = 160;

/** A codec with its descriptors built; they take a few milliseconds. */
export function protobufCodec(): BodyCodec {
  const frame = frameDescriptor();
  return {
    exact: false,
    encode(message) {
      return encodeTyped(message) ?? toBinary(frame, asFrame({ [STRUCT]: message }));
    },
    decode(bytes) {
      const read = fromBinary(frame, bytes, { recursionLimit: RECURSION });
      // What vanishes is not under the signature: unknown fields, repeated ones, groups, numbers spelled too long.
      const kept = toBinary(frame, read, { writeUnknownFields: false });
      if (kept.length !== bytes.length) throw new TypeError("fields that nobody reads");
      const members = Object.entries(toJson(frame, read) as JsonObject);
      const [name, body] = members[0] ?? [];
      if (members.length !== 1 || name === undefined || !isJsonObject(body))
        throw new TypeError("not one message");
      return name === STRUCT || name === EXTENSION ? body : { ...body, type: name };
    },
  };

  function asFrame(value: JsonObject): ReturnType<typeof fromJson<typeof frame>> {
    return fromJson(frame, value as ProtobufJson, { recursionLimit: RECURSION });
  }

  /** Undefined when the message would come back changed: an empty list, a null, a field of no schema. */
  function encodeTyped(message: JsonObject): Uint8Array | undefined {
    const { type: _type, ...body } = message;
    const name = typedName(message);
    if (name === undefined) return undefined;
    const said = name === EXTENSION ? message : body;
    try {
      const made = asFrame({ [name]: said });
      const back = (toJson(frame, made) as JsonObject)[name];
      return canonicalize(back) === canonicalize(said) ? toBinary(frame, made) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The field of the frame for this message; undefined where none is made for its type. */
function typedName({ type }: JsonObject): string | undefined {
  if (typeof type !== "string") return undefined;
  if (type.startsWith("ext:")) return EXTENSION;
  return messageSchemas.has(type) ? type : undefined;
}

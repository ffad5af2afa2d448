/**
 * Descriptors of every message, made from the schemas. Field numbers follow the order of the fields there, so new
 * fields and types go last; the vectors turn red when a number moves.
 */

import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  Edition,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  file_google_protobuf_struct,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import * as z from "zod";
import { extensionSchema } from "../messages/extension.ts";
import { messageSchemas } from "../messages/index.ts";
import { agentBindingSchema } from "../messages/presence.ts";

/** Field names of the frame that are no message type. */
export const STRUCT = "struct";
export const EXTENSION = "extension";

const PACKAGE = "gridmesh.v1";
const FIRST_TYPE = 16;
const FIRST_BODY_FIELD = 16;
const STRUCT_TYPE = ".google.protobuf.Struct";
const VALUE_TYPE = ".google.protobuf.Value";

/** The header's fields, numbered from 1; the signer's field follows. */
const header = {
  version: z.string(),
  message_id: z.string(),
  recipient_id: z.string(),
  timestamp: z.number(),
  nonce: z.string(),
  signature: z.string(),
  binding: agentBindingSchema,
  trace: z.string(),
  extra: z.record(z.string(), z.json()),
  in_reply_to: z.string(),
};

/** What a field is on the wire. */
interface Shape {
  readonly type: FieldDescriptorProto_Type;
  readonly typeName?: string;
  readonly repeated?: boolean;
}

/** The frame: `struct`, `extension`, and one field per message type. */
export function frameDescriptor(): DescMessage {
  const messages: DescriptorProto[] = [];
  const add = (name: string, shape: z.core.$ZodShape, first: number): DescriptorProto => {
    const made = create(DescriptorProtoSchema, { name });
    messages.push(made);
    appendFields(made, shape, { first, add });
    return made;
  };
  const frame = add("Frame", {}, 1);
  frame.field.push(
    fieldOf(STRUCT, 1, { type: FieldDescriptorProto_Type.MESSAGE, typeName: STRUCT_TYPE }),
    fieldOf(EXTENSION, 2, { type: FieldDescriptorProto_Type.MESSAGE, typeName: `.${PACKAGE}.Extension` }),
  );
  const extension = add("Extension", { ...header, agent_id: z.string() }, 1);
  appendFields(extension, { type: z.string(), ...extensionSchema.shape }, { first: FIRST_BODY_FIELD, add });
  [...messageSchemas].forEach(([type, { signerField, body }], index) => {
    const name = pascal(type);
    const made = add(name, { ...header, [signerField]: z.string() }, 1);
    appendFields(made, body.shape, { first: FIRST_BODY_FIELD, add });
    const typeName = `.${PACKAGE}.${name}`;
    frame.field.push(
      fieldOf(type, FIRST_TYPE + index, { type: FieldDescriptorProto_Type.MESSAGE, typeName }),
    );
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "gridmesh/v1/messages.proto",
    package: PACKAGE,
    syntax: "editions",
    edition: Edition.EDITION_2023,
    dependency: ["google/protobuf/struct.proto"],
    messageType: messages,
  });
  const registry = createFileRegistry(file, (name) =>
    name === "google/protobuf/struct.proto" ? file_google_protobuf_struct : undefined,
  );
  const described = registry.getMessage(`${PACKAGE}.Frame`);
  if (described === undefined) throw new TypeError("the frame has no descriptor");
  return described;
}

interface Building {
  readonly first: number;
  readonly add: (name: string, shape: z.core.$ZodShape, first: number) => DescriptorProto;
}

function appendFields(made: DescriptorProto, shape: z.core.$ZodShape, building: Building): void {
  Object.entries(shape).forEach(([name, schema], index) => {
    const nested = (inner: z.core.$ZodShape): string => {
      const child = `${made.name}_${pascal(name)}`;
      building.add(child, inner, 1);
      return `.${PACKAGE}.${child}`;
    };
    made.field.push(fieldOf(name, building.first + index, shapeOf(schema, nested)));
  });
}

function fieldOf(name: string, number: number, shape: Shape) {
  return create(FieldDescriptorProtoSchema, {
    name,
    jsonName: name,
    number,
    label:
      shape.repeated === true ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
    type: shape.type,
    ...(shape.typeName === undefined ? {} : { typeName: shape.typeName }),
  });
}

const ANY: Shape = { type: FieldDescriptorProto_Type.MESSAGE, typeName: VALUE_TYPE };
const TEXT: Shape = { type: FieldDescriptorProto_Type.STRING };
const STRUCTURE: Shape = { type: FieldDescriptorProto_Type.MESSAGE, typeName: STRUCT_TYPE };

/** By zod's name of the kind of schema. */
const SIMPLE: ReadonlyMap<string, Shape> = new Map([
  ["string", TEXT],
  ["enum", TEXT],
  ["literal", TEXT],
  ["number", { type: FieldDescriptorProto_Type.DOUBLE }],
  ["boolean", { type: FieldDescriptorProto_Type.BOOL }],
  ["record", STRUCTURE],
]);

/** Scalars as they are, objects as messages, records as structs, and any value where a schema allows several kinds. */
function shapeOf(schema: z.core.$ZodType, nested: (shape: z.core.$ZodShape) => string): Shape {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return shapeOf(schema.def.innerType, nested);
  }
  if (schema instanceof z.ZodObject) {
    return { type: FieldDescriptorProto_Type.MESSAGE, typeName: nested(schema.shape) };
  }
  if (schema instanceof z.ZodArray) {
    const item = shapeOf(schema.def.element, nested);
    return item.repeated === true ? ANY : { ...item, repeated: true };
  }
  const isText =
    schema instanceof z.ZodUnion && schema.def.options.every((one) => SIMPLE.get(one._zod.def.type) === TEXT);
  return isText ? TEXT : (SIMPLE.get(schema._zod.def.type) ?? ANY);
}

function pascal(name: string): string {
  return name.replaceAll(/(?:^|_)([a-zA-Z])/g, (_match, letter: string) => letter.toUpperCase());
}

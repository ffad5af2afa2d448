/** A schema that overlooks fields it does not know, at every depth: for messages of a newer minor. */

import * as z from "zod";

const known = new WeakMap<z.ZodObject, z.ZodObject>();

/** The same demands on the fields it knows; unknown ones are left out of what it gives. */
export function loosened(schema: z.ZodObject): z.ZodObject {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const loose = looseObject(schema);
  known.set(schema, loose);
  return loose;
}

function looseObject(schema: z.ZodObject): z.ZodObject {
  const shape = Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => [name, loose(field)]));
  const { catchall: _catchall, ...def } = schema.def;
  return schema.clone({ ...def, shape });
}

function loose(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodObject) return looseObject(schema);
  if (schema instanceof z.ZodOptional) {
    return schema.clone({ ...schema.def, innerType: loose(schema.def.innerType) });
  }
  if (schema instanceof z.ZodNullable) {
    return schema.clone({ ...schema.def, innerType: loose(schema.def.innerType) });
  }
  if (schema instanceof z.ZodArray)
    return schema.clone({ ...schema.def, element: loose(schema.def.element) });
  if (schema instanceof z.ZodDiscriminatedUnion) {
    return schema.clone({ ...schema.def, options: schema.def.options.map(loose) });
  }
  if (schema instanceof z.ZodUnion) {
    return schema.clone({ ...schema.def, options: schema.def.options.map(loose) });
  }
  return schema;
}

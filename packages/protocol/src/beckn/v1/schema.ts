/** The members of core 1.1 that an energy trade reads; others may be there and are not looked at. */

import * as z from "zod";

const name = z.string().min(1).max(256);
const text = z.string().max(4_096);
const decimal = z.string().regex(/^[+-]?\d{1,40}(?:\.\d{1,40})?$/);
const instant = z.string().max(40);

const descriptor = z.object({ name: text.optional(), code: name.optional() });
const tag = z.object({ descriptor: descriptor.optional(), value: text.optional() });
const tagGroup = z.object({ descriptor: descriptor.optional(), list: z.array(tag).max(64).optional() });
const tags = z.array(tagGroup).max(32);

const measure = z.object({ measure: z.object({ value: decimal, unit: name }) });
const price = z.object({
  value: decimal.optional(),
  maximum_value: decimal.optional(),
  currency: name.optional(),
});
const cost = z.object({ value: decimal, currency: name });

const item = z.object({
  id: name.optional(),
  descriptor: descriptor.optional(),
  price: price.optional(),
  quantity: z
    .object({ selected: measure.optional(), available: measure.optional(), allocated: measure.optional() })
    .optional(),
  fulfillment_ids: z.array(name).max(64).optional(),
  tags: tags.optional(),
});

const stop = z.object({
  type: name.optional(),
  time: z.object({ range: z.object({ start: instant, end: instant }).optional() }).optional(),
});

const fulfillment = z.object({
  id: name.optional(),
  stops: z.array(stop).max(16).optional(),
  state: z.object({ descriptor: descriptor.optional() }).optional(),
  tags: tags.optional(),
});

const provider = z.object({
  id: name,
  descriptor: descriptor.optional(),
  fulfillments: z.array(fulfillment).max(64).optional(),
  items: z.array(item).max(64).optional(),
});

const order = z.object({
  id: name.optional(),
  status: z.enum(["ACTIVE", "COMPLETE", "CANCELLED"]).optional(),
  provider,
  items: z.array(item).length(1),
  fulfillments: z.array(fulfillment).length(1),
  billing: z.object({ name: text.optional() }).optional(),
  quote: z
    .object({
      price: cost,
      breakup: z
        .array(z.object({ title: z.enum(["ENERGY", "WHEELING_CHARGE", "PLATFORM_CHARGE"]), price: cost }))
        .max(16),
      ttl: z.string().max(40),
    })
    .optional(),
  payments: z
    .array(
      z.object({
        params: z.object({ amount: decimal, currency: name }),
        status: z.enum(["PAID", "NOT-PAID"]),
      }),
    )
    .max(8)
    .optional(),
  tags: tags.optional(),
});

const intent = z.object({
  item: item.optional(),
  fulfillment: fulfillment.optional(),
  tags: tags.optional(),
});

export const contextSchema = z.object({
  domain: name,
  action: name,
  version: name,
  bap_id: name,
  bap_uri: name,
  bpp_id: name.optional(),
  bpp_uri: name.optional(),
  transaction_id: z.uuid(),
  message_id: z.uuid(),
  timestamp: instant,
  ttl: z.string().max(40),
});

export const faultSchema = z.object({ code: name, message: text.optional(), paths: text.optional() });

export const messageSchemas = {
  search: z.object({ intent: intent.optional() }),
  on_search: z.object({ catalog: z.object({ providers: z.array(provider).min(1).max(16) }) }),
  order: z.object({ order }),
  status: z.object({ order_id: name }),
} as const;

export type V1Context = z.infer<typeof contextSchema>;
export type V1Item = z.infer<typeof item>;
export type V1Order = z.infer<typeof order>;
export type V1Intent = z.infer<typeof intent>;
export type V1Provider = z.infer<typeof provider>;
export type V1Fulfillment = z.infer<typeof fulfillment>;
export type V1TagGroup = z.infer<typeof tagGroup>;

/** The members of core 1.1 that an energy trade reads; others may be there and are not looked at. */

import * as z from "zod";

const name = z.string().min(1).max(256);
const text = z.string().max(4_096);
const uri = z.string().max(2_048);
const decimal = z.string().regex(/^[+-]?\d{1,40}(?:\.\d{1,40})?$/);
const instant = z.string().max(40);

const descriptor = z.object({
  name: text.optional(),
  code: name.optional(),
  short_desc: text.optional(),
  status: name.optional(),
});
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
  location: z.object({ address: text.optional() }).optional(),
  time: z
    .object({ range: z.object({ start: instant.optional(), end: instant.optional() }).optional() })
    .optional(),
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
  fulfillments: z.array(fulfillment).max(256).optional(),
  items: z.array(item).max(256).optional(),
});

const order = z.object({
  id: name.optional(),
  status: z.enum(["ACTIVE", "COMPLETE", "CANCELLED"]).optional(),
  provider: provider.optional(),
  items: z.array(item).min(1).max(256),
  fulfillments: z.array(fulfillment).max(256).optional(),
  billing: z.object({ name: text.optional() }).optional(),
  quote: z
    .object({
      price: cost,
      breakup: z.array(z.object({ title: text, price: cost })).max(16),
      ttl: z.string().max(40).optional(),
    })
    .optional(),
  payments: z
    .array(
      z.object({
        params: z.object({ amount: decimal.optional(), currency: name.optional() }).optional(),
        status: z.enum(["PAID", "NOT-PAID"]).optional(),
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

const support = z.object({
  ref_id: name.optional(),
  phone: text.optional(),
  email: text.optional(),
  url: uri.optional(),
});

const rating = z.object({
  rating_category: z.enum(["Item", "Order", "Fulfillment", "Provider", "Agent", "Support"]),
  id: name,
  value: z.string().max(40),
});

export const messageSchemas = {
  search: z.object({ intent: intent.optional() }),
  on_search: z.object({ catalog: z.object({ providers: z.array(provider).min(1).max(16) }) }),
  order: z.object({ order }),
  orderId: z.object({ order_id: name }),
  update: z.object({ update_target: text.min(1), order }),
  cancel: z.object({
    order_id: name,
    cancellation_reason_id: name.optional(),
    descriptor: descriptor.optional(),
  }),
  track: z.object({ order_id: name, callback_url: uri.optional() }),
  on_track: z.object({
    tracking: z.object({ id: name, url: uri, status: z.enum(["active", "inactive"]).optional() }),
  }),
  rating: z.object({ ratings: z.array(rating).min(1).max(64) }),
  on_rating: z.object({
    feedback_form: z.object({ form: z.object({ url: uri.optional() }).optional() }).optional(),
  }),
  support: z.object({ support: support.optional() }),
} as const;

export type V1Item = z.infer<typeof item>;
export type V1Order = z.infer<typeof order>;
export type V1Intent = z.infer<typeof intent>;
export type V1Provider = z.infer<typeof provider>;
export type V1Fulfillment = z.infer<typeof fulfillment>;
export type V1TagGroup = z.infer<typeof tagGroup>;
export type V1Measure = z.infer<typeof measure>;

/** The members of core 2.0.0 LTS and its packs that an energy trade reads; others may be there and are not looked at. */

import * as z from "zod";

const name = z.string().min(1).max(256);
const text = z.string().max(4_096);
const uri = z.string().max(2_048);
const instant = z.string().max(40);
const list = <T extends z.ZodType>(item: T) => z.array(item).max(256);

const descriptor = z.object({
  name: text.optional(),
  code: name.optional(),
  shortDesc: text.optional(),
});
/** Any pack; what is read of it depends on its @type. */
const pack = z.looseObject({ "@context": text.optional(), "@type": text.optional() });

const period = z.object({ start: instant.optional(), duration: z.string().max(40).optional() });
export const seriesSchema = z.object({
  intervalPeriod: period,
  payloadDescriptors: list(
    z.object({
      payloadType: name,
      units: z.string().max(128).nullish(),
      currency: z.string().max(128).nullish(),
    }),
  ),
  intervals: z
    .array(
      z.object({
        id: z.int(),
        intervalPeriod: period.optional(),
        payloads: list(z.object({ type: name, values: z.array(z.unknown()).max(64) })),
      }),
    )
    .min(1)
    .max(256),
});

const provider = z.object({
  id: name,
  descriptor: descriptor.optional(),
  providerAttributes: pack.optional(),
});
const validity = z.object({ endDate: instant.optional() });
const resource = z.object({ id: name, resourceAttributes: pack.optional() });
const offer = z.object({
  id: name,
  resourceIds: list(name).optional(),
  provider: provider.optional(),
  validity: validity.optional(),
  offerAttributes: pack.optional(),
});

const commitment = z.object({
  status: z.object({ descriptor: descriptor.optional() }),
  resources: list(resource),
  offer,
  commitmentAttributes: pack.optional(),
});

const contractSchema = z.object({
  id: name.optional(),
  descriptor: descriptor.optional(),
  status: z.object({ code: z.enum(["DRAFT", "ACTIVE", "CANCELLED", "COMPLETE"]).optional() }).optional(),
  commitments: z.array(commitment).min(1).max(64),
  consideration: list(
    z.object({ id: name, status: z.unknown().optional(), considerationAttributes: pack.optional() }),
  ).optional(),
  participants: list(
    z.object({
      id: name.optional(),
      descriptor: descriptor.optional(),
      participantAttributes: pack.optional(),
    }),
  ).optional(),
  performance: list(z.object({ status: descriptor.optional() })).optional(),
  settlements: list(z.object({ status: name.optional(), settlementAttributes: pack.optional() })).optional(),
  contractAttributes: pack.optional(),
});

const catalogSchema = z.object({
  id: name,
  descriptor,
  provider,
  resources: list(resource).optional(),
  offers: list(offer).optional(),
});

const rating = z.object({
  target: z.object({ id: name, descriptor: descriptor.optional() }),
  range: z.object({ value: z.number(), best: z.number().optional(), worst: z.number().optional() }),
});

export const packSchemas = {
  terms: z.object({
    area: name.optional(),
    offerEpoch: name.optional(),
    delivery: z.enum(["slot", "instant"]).optional(),
    contractId: name.optional(),
    quoteTtl: z.string().max(40).optional(),
  }),
  resource: z.object({ type: name }),
  customer: z.object({ meterId: name, utilityId: name.optional() }),
  contract: z.object({ roles: list(z.object({ role: name, participantId: name.nullable() })) }),
  flows: z.object({
    revenueFlows: z
      .array(z.object({ role: name, value: z.number(), currency: name, description: text.optional() }))
      .min(1)
      .max(64),
  }),
  payment: z.object({
    amount: z.object({ currency: name, value: z.number() }).optional(),
    settlementStatus: name.optional(),
    paymentStatus: name.optional(),
  }),
  offer: z.object({
    commitmentAttributes: pack.optional(),
    validityWindow: z.looseObject({}).optional(),
  }),
  channel: z.object({ phone: text.optional(), email: text.optional(), url: uri.optional() }),
} as const;

export const messageSchemas = {
  discover: z.object({
    intent: z.object({
      textSearch: text.optional(),
      filters: z.object({ type: name, expression: text }).optional(),
    }),
    textSearch: text.optional(),
    text_search: text.optional(),
  }),
  catalogs: z.object({ catalogs: z.array(catalogSchema).max(64) }),
  published: z.object({
    results: list(
      z.object({
        catalogId: name,
        status: z.enum(["ACCEPTED", "REJECTED", "PARTIAL"]),
        errors: list(z.looseObject({})).optional(),
      }),
    ),
  }),
  contract: z.object({ contract: contractSchema }),
  rate: z.object({ ratingInputs: z.array(rating).min(1).max(64) }),
  rated: z.object({ ratings: list(rating) }),
  support: z.object({ support: z.object({ orderId: name.optional(), channels: list(pack).optional() }) }),
  track: z.object({
    tracking: z.object({
      contract: contractSchema.optional(),
      url: uri,
      status: z.enum(["ACTIVE", "INACTIVE"]),
    }),
  }),
} as const;

export type V2Series = z.infer<typeof seriesSchema>;
export type V2Contract = z.infer<typeof contractSchema>;
export type V2Catalog = z.infer<typeof catalogSchema>;
export type V2Pack = z.infer<typeof pack>;

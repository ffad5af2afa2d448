/** Who may ask what of which agent: the tables of `[access]`. */

import { z } from "zod";

const SOMEBODY =
  /^(?:\*|anonymous|(?:group|token):.{1,64}|12D3Koo[1-9A-HJ-NP-Za-km-z]{30,60}|ed25519:[1-9A-HJ-NP-Za-km-z]{30,60})$/;
const MEMBER = /^(?:12D3Koo|ed25519:)[1-9A-HJ-NP-Za-km-z]{30,60}$/;
const MAX_PATTERN = 256;

const pattern = z.string().min(1).max(MAX_PATTERN);

const rule = z.strictObject({
  who: z.array(z.string().regex(SOMEBODY, "a PeerId, an agent_id, group:, token:, anonymous or *")).min(1),
  agent: pattern,
  method: pattern,
  item: pattern.optional(),
  allow: z.boolean(),
  ratePerSec: z.number().positive().optional(),
  maxInFlight: z.int().min(1).optional(),
});

export const access = z
  .strictObject({
    groups: z
      .record(
        z.string().regex(/^[\w.-]{1,64}$/),
        z.array(z.string().regex(MEMBER, "a PeerId or an agent_id")),
      )
      .default({})
      .meta({ type: "name = PeerId or agent_id[]", note: "Names that stand for several callers in a rule." }),
    rules: z
      .array(rule)
      .default([])
      .meta({ type: "tables", note: "Who may ask what of which agent, before its own access; see below." }),
  })
  .superRefine(({ groups, rules }, context) => {
    for (const [index, { who }] of rules.entries()) {
      const missing = who.find((term) => term.startsWith("group:") && !Object.hasOwn(groups, term.slice(6)));
      if (missing === undefined) continue;
      context.addIssue({
        code: "custom",
        path: ["rules", index, "who"],
        message: `no ${missing} in access.groups`,
      });
    }
  })
  .prefault({});

/** The settings of Beckn beyond the mesh. */

import { z } from "zod";

const HOST_AND_PORT = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;
const address = z.string().regex(/^https?:\/\/[^/\s?#]+(?:\/[^\s?#]*)?$/, "an http or https address");

export const beckn = z
  .strictObject({
    profiles: z
      .array(z.enum(["beckn/2", "beckn/1"]))
      .min(1)
      .default(["beckn/2", "beckn/1"])
      .meta({
        type: "beckn/2, beckn/1",
        note: "Revisions of Beckn that are taken, the one to ask in first; an order needs one that both sides take.",
      }),
    networks: z.array(z.string().min(1).max(256)).default([]).meta({
      type: "text[]",
      note: "Networks besides this one whose messages of revision 2 are taken, by their networkId.",
    }),
    inbound: z.enum(["strict", "tolerant"]).default("strict").meta({
      type: "strict, tolerant",
      note: "How messages for agents of this node are read; tolerant: also ids, times and units as partners write them.",
    }),
    ackProof: z.enum(["require", "record"]).default("require").meta({
      type: "require, record",
      note: "Whether an ACK without its receiver's signature counts, or is only noted.",
    }),
    duplicates: z.enum(["repeat", "reject"]).default("repeat").meta({
      type: "repeat, reject",
      note: "What a message that comes twice is answered: the same again, or AUT_REPLAY_DETECTED; a confirm always the same.",
    }),
    support: z
      .strictObject({
        phone: z
          .string()
          .min(1)
          .max(64)
          .optional()
          .meta({ type: "text", note: "Told to buyers who ask for support." }),
        email: z
          .string()
          .min(1)
          .max(256)
          .optional()
          .meta({ type: "text", note: "Told to buyers who ask for support." }),
        url: address.optional().meta({ type: "http address", note: "Told to buyers who ask for support." }),
      })
      .prefault({}),
    acceptNfhDigestPrefix: z.boolean().default(false).meta({
      type: "boolean",
      note: "Also takes signatures over digest: BLAKE2b-512=, which a later document asks for.",
    }),
    registries: z.array(address).default([]).meta({
      type: "http address[]",
      note: "Asked over HTTP for keys of subscribers whose name is not their key: <address>/dedi/lookup/….",
    }),
    http: z
      .strictObject({
        enabled: z.boolean().default(false).meta({
          type: "boolean",
          note: "Opens the paths of Beckn over HTTP: /bap and /bpp, caller and receiver, and their look-ups.",
        }),
        listen: z
          .string()
          .regex(HOST_AND_PORT, "host:port")
          .default("127.0.0.1:4881")
          .meta({ type: "host:port", note: "Where Beckn over HTTP is taken." }),
        callerAuth: z.enum(["token", "loopback"]).default("token").meta({
          type: "token, loopback",
          note: "Who may have bodies signed: whoever holds beckn-http.token of the home, or any program of this machine.",
        }),
        partners: z.array(address).default([]).meta({
          type: "http address[]",
          note: "Places outside the mesh that bodies may be sent to over HTTP; no others.",
        }),
        keys: z.array(z.string().min(1)).default([]).meta({
          type: "text[]",
          note: "Keys of subscribers whose name is not their key: subscriberId, key id and base64, with bars between.",
        }),
      })
      .prefault({}),
  })
  .prefault({});

/** The settings of Beckn beyond the mesh. */

import { z } from "zod";

const HOST_AND_PORT = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;
const address = z.string().regex(/^https?:\/\/[^/\s?#]+(?:\/[^\s?#]*)?$/, "an http or https address");

export const beckn = z
  .strictObject({
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

/** The settings of the local listener: where programs of this machine find the control API and the gateway. */

import { z } from "zod";

const LISTEN = /^(?:|(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5})$/;
const NAMED_PORT = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;
const PINNED = /^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?=\S+:[a-z0-9._-]+$/;

export const control = z
  .strictObject({
    listen: z.string().regex(LISTEN, 'host:port, or "" for off').default("127.0.0.1:4880").meta({
      type: 'host:port, "" off',
      note: "Where local programs reach the control API, MCP and A2A, besides the unix socket.",
      byProfile: true,
    }),
    behindProxy: z.array(z.string().regex(NAMED_PORT, "host:port")).default([]).meta({
      type: "host:port[]",
      note: "Names under which a proxy in front, which ends TLS, is asked for; listening beyond loopback needs one.",
    }),
  })
  .prefault({});

export const gateway = z
  .strictObject({
    auth: z.enum(["token", "none"]).default("token").meta({
      type: "token, none",
      note: "Who may call agents over HTTP: whoever holds a token; none lets any local program call public agents.",
    }),
    allowedOrigins: z
      .array(z.string().regex(/^https?:\/\/[^/\s]+$/, "an origin, as http://localhost:6274"))
      .default([])
      .meta({ type: "origin[]", note: "Web pages that may call agents besides the listener's own." }),
    pinned: z.array(z.string().regex(PINNED, "alias=<node>:<agent>")).default([]).meta({
      type: "text[]",
      note: "Agents whose tools /mcp offers as <alias>.<tool>, each as <alias>=<node>:<agent>.",
    }),
  })
  .prefault({});

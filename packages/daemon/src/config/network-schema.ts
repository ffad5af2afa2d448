/** The settings of the network: how peers are found, kept and reached, and what they may do. */

import { z } from "zod";

export const multiaddr = z.string().regex(/^\/\S+$/, "a multiaddr begins with / and holds no blanks");
const range = z
  .string()
  .regex(/^[0-9a-fA-F:.]+\/\d{1,3}$/, "a range is an address and the bits that count, as 10.0.0.0/8");

const MIN_WINDOW_BYTES = 262_144;
const MAX_WINDOW_BYTES = 1_048_576;
const MAX_LINKS = 4_096;
/** The longest line must find room. */
const MIN_UNREAD_BYTES = 4_194_304;

export const discovery = z
  .strictObject({
    bootstrap: z.array(multiaddr).default([]).meta({
      type: "multiaddr[]",
      note: "Peers dialled first; without /p2p/<PeerId> only in profile testnet.",
    }),
    mdns: z
      .boolean()
      .default(true)
      .meta({ type: "boolean", note: "Finds peers on the local network.", byProfile: true }),
    dht: z.boolean().default(true).meta({
      type: "boolean",
      note: "Takes part in the distributed table of providers.",
      byProfile: true,
    }),
    dhtMode: z.enum(["auto", "server", "client"]).default("auto").meta({
      type: "auto, server, client",
      note: "Whether this node answers queries of the table.",
      byProfile: true,
    }),
  })
  .prefault({});

export const peers = z
  .strictObject({
    static: z
      .array(multiaddr)
      .default([])
      .meta({ type: "multiaddr[]", note: "Peers redialled for ever, as bootstrap peers are." }),
    trusted: z.array(range).default([]).meta({
      type: "address/bits[]",
      note: "Ranges whose connections no limit per address counts.",
    }),
    min: z
      .int()
      .min(0)
      .max(MAX_LINKS)
      .default(4)
      .meta({ type: "integer, 0 … 4096", note: "Links below which the node seeks more." }),
    target: z
      .int()
      .min(1)
      .max(MAX_LINKS)
      .default(12)
      .meta({ type: "integer, 1 … 4096", note: "Links at which it stops to seek." }),
    allowForeign: z
      .boolean()
      .default(false)
      .meta({ type: "boolean", note: "Keeps links to libp2p peers that say no hello." }),
    trustedAlerts: z
      .array(z.string().regex(/^(12D3Koo|ed25519:)[1-9A-HJ-NP-Za-km-z]+$/, "a PeerId or an agent_id"))
      .default([])
      .meta({
        type: "PeerId or agent_id[]",
        note: "Whose security alerts are acted upon; others' are only shown.",
      }),
  })
  .prefault({});

export const routing = z
  .strictObject({
    idempotentTools: z.array(z.string().min(1).max(256)).default([]).meta({
      type: "text[]",
      note: "Tools that a call by capability may repeat elsewhere when nobody knows whether they ran.",
    }),
    forwardFor: z
      .array(z.string().regex(/^12D3Koo[1-9A-HJ-NP-Za-km-z]+$/, "a PeerId"))
      .default([])
      .meta({
        type: "PeerId[]",
        note: "Whose calls of other nodes are passed on; callers reach each other themselves.",
      }),
  })
  .prefault({});

export const reach = z
  .strictObject({
    pskFile: z.string().min(1).optional().meta({
      type: "path",
      note: "Key of a private network, from the home folder: /key/swarm/psk/1.0.0/, /base16/, 64 hex digits.",
    }),
    relay: z.enum(["off", "use", "serve"]).optional().meta({
      type: "off, use, serve",
      note: "Be reached through bootstrap peers that serve, or serve others; without it as the profile has it.",
    }),
    holePunch: z.boolean().optional().meta({
      type: "boolean",
      note: "Turns relayed links into direct ones; without it as the profile has it.",
    }),
    upnp: z
      .boolean()
      .default(false)
      .meta({ type: "boolean", note: "Asks the router to open a port; needs its owner's consent." }),
    quic: z.boolean().default(false).meta({
      type: "boolean",
      note: "Listens on QUIC too; needs npm i @chainsafe/libp2p-quic, never in a private network.",
    }),
    webrtc: z
      .boolean()
      .default(false)
      .meta({ type: "boolean", note: "No part of this program yet: true is refused." }),
  })
  .prefault({});

export const limits = z
  .strictObject({
    connections: links("Links in all, three quarters of them inbound; without it as the profile has it."),
    inboundPerIp: links("Inbound connections of one address a second; without it as the profile has it."),
    perIp: links("Links with one address; without it as the profile has it."),
    perSubnet: links("Links with one /24 or /64; without it as the profile has it."),
    streamWindowBytes: z.int().min(MIN_WINDOW_BYTES).max(MAX_WINDOW_BYTES).default(MIN_WINDOW_BYTES).meta({
      type: "integer, 262144 … 1048576, bytes",
      note: "How much of a stream may be under way; more is faster far away and costs memory.",
    }),
    unreadBytes: bytes(MIN_UNREAD_BYTES, 268_435_456, "Bytes of all streams that may wait unread."),
    unreadBytesPerPeer: bytes(MIN_UNREAD_BYTES, 8_388_608, "The same of one peer."),
    inboundBytesPerSecond: bytes(0, 0, "Pace of what comes in, without control and trade; 0 is no bound."),
    outboundBytesPerSecond: bytes(0, 0, "Pace of what goes out, without control and trade; 0 is no bound."),
    inboundBytesPerSecondPerPeer: bytes(0, 0, "Pace of what comes in from one peer; 0 is no bound."),
    outboundBytesPerSecondPerPeer: bytes(0, 0, "Pace of what goes out to one peer; 0 is no bound."),
  })
  .prefault({});

export const interop = z
  .strictObject({
    p2pdSocket: z
      .string()
      .min(1)
      .optional()
      .meta({ type: "path", note: "No part of this program yet: a value is refused." }),
    dhtValues: z
      .boolean()
      .default(false)
      .meta({ type: "boolean", note: "No part of this program yet: true is refused." }),
  })
  .prefault({});

const stance = (normal: "off" | "optional" | "required", note: string) =>
  z.enum(["off", "optional", "required"]).default(normal).meta({ type: "off, optional, required", note });

/** Told in hello; a peer that lacks a required one is parted from. */
export const features = z
  .strictObject({
    encryption: stance("required", "Always required: links are encrypted, or they are none."),
    cbor: stance("optional", "Messages between two nodes that both have it travel as CBOR."),
    protobuf: stance("off", "Messages as Protocol Buffers."),
    compression: stance("off", "Of task streams; no part of this program yet: anything but off is refused."),
    streaming: stance("off", "Of tasks; no part of this program yet: anything but off is refused."),
    batch_processing: stance("off", "Of tasks; no part of this program yet: anything but off is refused."),
    leases: stance("off", "Of tasks; no part of this program yet: anything but off is refused."),
    receipts: stance("off", "Of tasks; no part of this program yet: anything but off is refused."),
    redundancy: stance("off", "Of tasks; no part of this program yet: anything but off is refused."),
    resume: stance("off", "Of tasks and data; no part of this program yet: anything but off is refused."),
    e2e: stance("off", "Sealed to the agent; no part of this program yet: anything but off is refused."),
  })
  .prefault({});

function bytes(least: number, normal: number, note: string): z.ZodDefault<z.ZodInt> {
  return z
    .int()
    .min(least)
    .default(normal)
    .meta({ type: `integer, ${least} or more, bytes`, note });
}

function links(note: string): z.ZodOptional<z.ZodInt> {
  return z.int().min(1).max(MAX_LINKS).optional().meta({ type: "integer, 1 … 4096", note });
}

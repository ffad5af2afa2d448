/** Field shapes that several messages share. */

import * as z from "zod";
import { isAgentName, isCapability } from "../address.ts";
import { isAgentId } from "../identity.ts";
import { isUuid } from "../uuid.ts";
import { isVersion } from "../version.ts";

export const version = z.string().refine(isVersion, "not a version");
export const uuid = z.string().refine(isUuid, "not a UUID");
export const agentId = z.string().refine(isAgentId, "not an agent_id");
export const agentName = z.string().refine(isAgentName, "not an agent name");
export const capability = z.string().refine(isCapability, "not a capability");
export const networkName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
/** base58btc PeerId as it is emitted. */
export const peerId = z.string().regex(/^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/);
/** Begins as a multiaddr does; the transport says whether it is one. */
export const multiaddr = z.string().regex(/^\/[\x21-\x7e]{1,255}$/);
export const shortText = z.string().max(128);
export const count = z.int().min(0);
/** Unix seconds. */
export const unixS = z.int().min(0);
/** base64 of 64 bytes. */
export const signature = z.string().length(88);
/** Padded base64. */
export const base64 = z.string().regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
/** A signed peer record of libp2p, base64. */
export const peerRecord = base64.min(4).max(8_192);
export const sha256Text = z.string().regex(/^sha256:[0-9a-f]{64}$/);
/** CIDv1 in base32, or a CIDv0. */
export const cid = z.string().regex(/^(?:b[a-z2-7]{20,110}|Qm[1-9A-HJ-NP-Za-km-z]{44})$/);
export const ratio = z.number().min(0).max(1);

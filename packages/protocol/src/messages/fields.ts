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
export const multiaddr = z.string().min(1).max(256);
export const shortText = z.string().max(128);
export const count = z.int().min(0);
/** Unix seconds. */
export const unixS = z.int().min(0);
/** base64 of 64 bytes. */
export const signature = z.string().length(88);
/** A signed peer record of libp2p, base64. */
export const peerRecord = z.string().min(1).max(8_192);

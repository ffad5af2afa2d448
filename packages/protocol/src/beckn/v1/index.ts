import { errorOfV1, faultOfV1, statusOfV1 } from "../errors.ts";
import { decodeAck } from "../reply.ts";
import type { BecknWire } from "../wire.ts";
import { decodeContentV1, decodeContextV1 } from "./decode.ts";
import { encodeAckV1, encodeV1 } from "./encode.ts";
import { v1Actions } from "./names.ts";

/** Core 1.1: snake_case, `search`, `order`. */
export const becknV1: BecknWire = {
  profile: "beckn/1",
  actions: v1Actions,
  encode: encodeV1,
  decodeContext: decodeContextV1,
  decodeContent: decodeContentV1,
  encodeAck: encodeAckV1,
  statusOf: statusOfV1,
  decodeAck,
  faultOf: faultOfV1,
  errorOf: errorOfV1,
};

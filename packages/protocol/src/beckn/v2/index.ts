import { errorOfV2, faultOfV2 } from "../errors.ts";
import { decodeAck } from "../reply.ts";
import type { BecknWire } from "../wire.ts";
import { decodeContentV2, decodeContextV2 } from "./decode.ts";
import { encodeV2 } from "./encode.ts";
import { v2Actions } from "./names.ts";
import { encodeAckV2, statusOfV2 } from "./reply.ts";

/** Core 2.0.0 LTS: camelCase, `discover`, `contract`. */
export const becknV2: BecknWire = {
  profile: "beckn/2",
  actions: v2Actions,
  encode: encodeV2,
  decodeContext: decodeContextV2,
  decodeContent: decodeContentV2,
  encodeAck: encodeAckV2,
  statusOf: statusOfV2,
  decodeAck,
  faultOf: faultOfV2,
  errorOf: errorOfV2,
};

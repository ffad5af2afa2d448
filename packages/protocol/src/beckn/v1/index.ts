import { errorOfV1, faultOfV1 } from "../errors.ts";
import type { BecknWire } from "../wire.ts";
import { decodeAckV1, decodeContentV1, decodeContextV1 } from "./decode.ts";
import { encodeAckV1, encodeV1 } from "./encode.ts";

/** Core 1.1: snake_case, `search`, `order`. */
export const becknV1: BecknWire = {
  profile: "beckn/1",
  encode: encodeV1,
  decodeContext: decodeContextV1,
  decodeContent: decodeContentV1,
  encodeAck: encodeAckV1,
  decodeAck: decodeAckV1,
  faultOf: faultOfV1,
  errorOf: errorOfV1,
};

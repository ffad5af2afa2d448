import { ProtocolError } from "../errors.ts";

/** @param item - the place in the bundle, e.g. `orders[0].answer` */
export function invalid(item: string, why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("BUNDLE_INVALID", `${item}: ${why}`, {
    data: { item },
    ...(cause === undefined ? {} : { cause }),
  });
}

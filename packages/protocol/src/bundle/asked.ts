/** The requests of a bundle, by whose signatures the answers of revision 2 bind themselves to them. */

import { type BecknRequestHeader, becknWire, isCallback, requestOf } from "../beckn/index.ts";
import { decodeRequestHeader } from "../beckn/frame.ts";
import { parseAuthorization } from "../beckn/signature.ts";
import { encodeUtf8 } from "../bytes.ts";
import { isProtocolError } from "../errors.ts";
import type { BundleFrame } from "./bundle.ts";

/** One answer is looked for among so many requests of its kind, the newest first. */
const MAX_TRIED = 64;

export interface AskedSignatures {
  /** Of the requests that a message under this header may answer, the newest first. */
  of(header: Pick<BecknRequestHeader, "path" | "profile">): readonly string[];
}

/** A header that cannot be read asked for nothing. */
export function askedIn(frames: readonly Pick<BundleFrame, "request">[]): AskedSignatures {
  const byPath = new Map<string, string[]>();
  for (const { request } of frames) {
    const header = readable(request.header);
    if (header === undefined) continue;
    const kind = `${header.profile} ${header.path}`;
    byPath.set(kind, [header.signature, ...(byPath.get(kind) ?? [])].slice(0, MAX_TRIED));
  }
  return {
    of({ path, profile }) {
      const actions = becknWire(profile)?.actions;
      const action = actions?.ruleOfPath(path)?.action;
      if (actions === undefined || action === undefined || !isCallback(action)) return [];
      const asked = actions.pathOf(requestOf(action));
      return byPath.get(`${profile} ${asked ?? ""}`) ?? [];
    },
  };
}

function readable(text: string): { path: string; profile: string; signature: string } | undefined {
  try {
    const { path, profile, headers } = decodeRequestHeader(encodeUtf8(text));
    return { path, profile, signature: parseAuthorization(headers.authorization).signature };
  } catch (error) {
    if (isProtocolError(error)) return undefined;
    throw error;
  }
}

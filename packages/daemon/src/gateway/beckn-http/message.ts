/** A body of HTTP seen as Beckn: just enough of its context to know which way it goes. */

import {
  type BecknAction,
  type BecknContext,
  type BecknProfile,
  type BecknWire,
  becknV1,
  becknV2,
  becknWire,
  isCallback,
  parseBecknBody,
  ProtocolError,
} from "@gridmesh/protocol";

export interface ReadBody {
  readonly profile: BecknProfile;
  readonly wire: BecknWire;
  readonly context: BecknContext;
}

/** An action, and what its path calls it: the name of one revision, or of both. */
export interface NamedAction {
  readonly action: BecknAction;
  readonly name: string;
}

/** Read tolerantly: how closely a message keeps to the form is for whom it is to. @throws MESSAGE_MALFORMED, BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED. */
export function readBody(body: Uint8Array, { action, name }: NamedAction): ReadBody {
  const json = parseBecknBody(body);
  const profile = profileOf(json);
  const wire = becknWire(profile);
  if (wire === undefined) {
    throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `${profile} is not spoken yet`, {
      data: { beckn: "CTX_VERSION_UNSUPPORTED" },
    });
  }
  const context = wire.decodeContext(json, "tolerant");
  if (context.action !== action || wire.actions.ruleOfName(name)?.action !== action) {
    throw new ProtocolError("BECKN_CONTEXT_INVALID", `action ${context.action} on the path of ${name}`, {
      data: { beckn: "CTX_ACTION_MISMATCH" },
    });
  }
  return { profile, wire, context };
}

/** The wire a refusal is written in, whatever there was to read. */
export function wireFor(body: Uint8Array): BecknWire {
  try {
    return becknWire(profileOf(parseBecknBody(body))) ?? becknV1;
  } catch {
    return becknV1;
  }
}

/** The action a path names, if the side it names takes it. @throws BECKN_CONTEXT_INVALID. */
export function actionOn(side: "bap" | "bpp", role: "caller" | "receiver", name: string): NamedAction {
  const rule = becknV1.actions.ruleOfName(name) ?? becknV2.actions.ruleOfName(name);
  if (rule === undefined)
    throw new ProtocolError("BECKN_CONTEXT_INVALID", `no action "${name.slice(0, 48)}"`);
  // A BAP asks and takes answers; a BPP the other way, but for its own catalogs.
  const own = rule.action === "publish" || rule.action === "on_publish";
  const wanted = ((side === "bap") === (role === "receiver")) !== own;
  if (isCallback(rule.action) !== wanted) {
    const path = `/${side}/${role}/${rule.action}`;
    throw new ProtocolError(
      "BECKN_CONTEXT_INVALID",
      `${path}: that side does not ${role === "caller" ? "say" : "take"} it`,
    );
  }
  return { action: rule.action, name };
}

function profileOf(json: unknown): BecknProfile {
  const version = (json as { readonly context?: { readonly version?: unknown } } | null)?.context?.version;
  return typeof version === "string" && version.startsWith("2.") ? "beckn/2" : "beckn/1";
}

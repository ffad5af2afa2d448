/** Parts of the protocol that both sides must have before either uses them. */

import { ProtocolError } from "./errors.ts";

/** Every feature this protocol names; a peer may name others, which nobody here has. */
export const featureNames = [
  "encryption",
  "compression",
  "cbor",
  "protobuf",
  "streaming",
  "batch_processing",
  "leases",
  "receipts",
  "redundancy",
  "resume",
  "e2e",
] as const;

export type FeatureName = (typeof featureNames)[number];
/** `required`: no talk without it; `optional`: used with those who have it. */
export type FeatureStance = "off" | "optional" | "required";
export type FeatureStances = Readonly<Partial<Record<FeatureName, FeatureStance>>>;

/** What a node does unless it is configured otherwise; absent ones are off. */
export const defaultFeatures: FeatureStances = { encryption: "required", cbor: "optional" };

/** The two lists of a hello, each sorted. */
export interface FeatureOffer {
  readonly required_features: readonly string[];
  readonly optional_features: readonly string[];
}

/** @throws CONFIG_INVALID when encryption, which is always there, is not required. */
export function featureOffer(stances: FeatureStances = defaultFeatures): FeatureOffer {
  const all: FeatureStances = { encryption: "required", ...stances };
  if (all.encryption !== "required") {
    throw new ProtocolError("CONFIG_INVALID", "features.encryption is always required");
  }
  const those = (stance: FeatureStance) => featureNames.filter((name) => all[name] === stance).toSorted();
  return { required_features: those("required"), optional_features: those("optional") };
}

/** Of the features agreed on, those that this protocol names. */
export function knownFeatures(agreed: readonly string[]): ReadonlySet<FeatureName> {
  return new Set(featureNames.filter((name) => agreed.includes(name)));
}

/** What a node says of itself in every hello: versions, and the parts of the protocol it has. */

import {
  defaultFeatures,
  type FeatureName,
  featureNames,
  type FeatureStances,
  type HelloOffer,
  ownOffer,
  ProtocolError,
} from "@gridmesh/protocol";

/** Others of the protocol's features belong to tasks and data. */
const HERE: ReadonlySet<FeatureName> = new Set<FeatureName>(["encryption", "cbor", "protobuf"]);

export interface OfferTerms {
  readonly network: string;
  readonly software: string;
  readonly features: FeatureStances | undefined;
  /** The preferred one first. */
  readonly versions: readonly string[] | undefined;
}

/** @throws CONFIG_INVALID: a feature that is not here, a version that is not spoken, encryption turned off. */
export function helloOffer({ network, software, features = {}, versions }: OfferTerms): HelloOffer {
  const stances: FeatureStances = { ...defaultFeatures, ...features };
  const absent = featureNames.filter((name) => !HERE.has(name) && (stances[name] ?? "off") !== "off");
  if (absent.length > 0) {
    throw new ProtocolError("CONFIG_INVALID", `features.${absent.join(", features.")}: not spoken here yet`);
  }
  const [preferredVersion] = versions ?? [];
  return ownOffer(network, software, { features: stances, supportedVersions: versions, preferredVersion });
}

/** The features of an offer, required or not. */
export function featuresOf(offer: HelloOffer): readonly string[] {
  return [...offer.required_features, ...offer.optional_features];
}

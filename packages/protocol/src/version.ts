/** Versions and features of two sides, and what they have in common. */

import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "./bytes.ts";
import { canonicalBytes } from "./canonical.ts";
import { ProtocolError } from "./errors.ts";
import { featureOffer, type FeatureStances } from "./features.ts";
import type { JsonObject } from "./json.ts";

/** The oldest version: the messages it began with. */
export const FIRST_VERSION = "1.0";
/** The version this code prefers: the messages of docs/PROTOCOL.md. */
export const PREFERRED_VERSION = "1.1";
/** Versions this code reads, best first. */
export const SUPPORTED_VERSIONS: readonly string[] = [PREFERRED_VERSION, FIRST_VERSION];
/** The major that every protocol id carries. */
export const PROTOCOL_MAJOR = 1;

const VERSION = /^(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})$/;

/** What one side offers in hello. */
export interface HelloOffer {
  readonly supported_versions: readonly string[];
  readonly preferred_version: string;
  readonly required_features: readonly string[];
  readonly optional_features: readonly string[];
  readonly network: string;
  readonly software: string;
}

/** What both sides agreed on. */
export interface Agreement {
  readonly selected_version: string;
  /** Sorted. */
  readonly features: readonly string[];
}

export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/** Major and minor. @throws VERSION_UNSUPPORTED when the text is no version. */
export function parseVersion(text: string): readonly [major: number, minor: number] {
  const match = VERSION.exec(text);
  if (!match) throw new ProtocolError("VERSION_UNSUPPORTED", `"${text.slice(0, 20)}" is no version`);
  return [Number(match[1]), Number(match[2])];
}

/** Negative when `a` is older than `b`: 1.9 is older than 1.10. */
export function compareVersions(a: string, b: string): number {
  const [majorA, minorA] = parseVersion(a);
  const [majorB, minorB] = parseVersion(b);
  return majorA - majorB || minorA - minorB;
}

/** What a node may leave out of its hello, or add to it. */
export interface OfferOptions {
  /** Default: encryption alone. */
  readonly features?: FeatureStances | undefined;
  /** Versions to offer; default all of this code. */
  readonly supportedVersions?: readonly string[] | undefined;
  /** Default: the highest of those offered. */
  readonly preferredVersion?: string | undefined;
}

/**
 * What this code offers; encryption is always there, so requiring it costs nobody anything.
 * @throws CONFIG_INVALID when a version is not one of this code, or encryption is turned off.
 */
export function ownOffer(network: string, software: string, options: OfferOptions = {}): HelloOffer {
  const supported = options.supportedVersions ?? SUPPORTED_VERSIONS;
  const preferred = options.preferredVersion ?? supported.toSorted(compareVersions).at(-1);
  const known = supported.every((version) => SUPPORTED_VERSIONS.includes(version));
  if (preferred === undefined || !known || !supported.includes(preferred)) {
    throw new ProtocolError("CONFIG_INVALID", `versions ${supported.join(", ")}, preferred ${preferred}`, {
      data: { supported_versions: [...SUPPORTED_VERSIONS] },
    });
  }
  return {
    supported_versions: supported,
    preferred_version: preferred,
    ...featureOffer(options.features ?? { encryption: "required" }),
    network,
    software,
  };
}

/**
 * The same answer on both sides: the highest common version not above either preferred one (else the highest common),
 * and every feature both have.
 * @throws NETWORK_MISMATCH, VERSION_UNSUPPORTED (`data.supported_versions`), FEATURE_REQUIRED (`data.features`).
 */
export function negotiate(mine: HelloOffer, theirs: HelloOffer): Agreement {
  if (mine.network !== theirs.network) {
    throw new ProtocolError("NETWORK_MISMATCH", `"${theirs.network}" is not "${mine.network}"`);
  }
  return { selected_version: selectVersion(mine, theirs), features: selectFeatures(mine, theirs) };
}

/** `sha256:` and the hex digest of the hello as it was sent. */
export function helloHash(hello: JsonObject): string {
  return `sha256:${toHex(sha256(canonicalBytes(hello)))}`;
}

/**
 * The dialer's check of a hello_ack against the hello it sent: a difference is a downgrade.
 * @throws as `negotiate`; MESSAGE_MALFORMED when the ack answers another hello or agrees on something else.
 */
export function checkHelloAck(
  hello: JsonObject & HelloOffer,
  ack: HelloOffer & Agreement & { readonly hello_hash: string },
): Agreement {
  const agreed = negotiate(hello, ack);
  if (ack.hello_hash !== helloHash(hello)) {
    throw new ProtocolError("MESSAGE_MALFORMED", "hello_ack answers another hello");
  }
  const same =
    ack.selected_version === agreed.selected_version && ack.features.join() === agreed.features.join();
  if (!same) throw new ProtocolError("MESSAGE_MALFORMED", "hello_ack agrees on something else");
  return agreed;
}

function selectVersion(mine: HelloOffer, theirs: HelloOffer): string {
  const common = mine.supported_versions
    .filter((version) => theirs.supported_versions.includes(version))
    .toSorted((a, b) => compareVersions(b, a));
  const wanted = [mine.preferred_version, theirs.preferred_version];
  const selected =
    common.find((version) => wanted.every((preferred) => compareVersions(version, preferred) <= 0)) ??
    common[0];
  if (selected === undefined) {
    throw new ProtocolError("VERSION_UNSUPPORTED", "no common version", {
      data: { supported_versions: [...mine.supported_versions] },
    });
  }
  return selected;
}

function selectFeatures(mine: HelloOffer, theirs: HelloOffer): readonly string[] {
  const ours = new Set([...mine.required_features, ...mine.optional_features]);
  const others = new Set([...theirs.required_features, ...theirs.optional_features]);
  const missing = [
    ...mine.required_features.filter((feature) => !others.has(feature)),
    ...theirs.required_features.filter((feature) => !ours.has(feature)),
  ];
  if (missing.length > 0) {
    throw new ProtocolError("FEATURE_REQUIRED", `missing: ${missing.join(", ")}`, {
      data: { features: missing },
    });
  }
  return [...ours.intersection(others)].toSorted();
}

import { ProtocolError } from "@gridmesh/protocol";
import type { ProfileName } from "../profiles.ts";

export interface PrivacyOptions {
  readonly profile: ProfileName;
  /** Text of the key file. */
  readonly psk: string | undefined;
  readonly quic: boolean;
  readonly webrtc: boolean;
  readonly forced: boolean;
  /** Every address listened on or announced. */
  readonly addresses: readonly string[];
}

/** Transports that bring their own encryption and never ask for the key. */
const unprotected: readonly {
  readonly name: string;
  readonly option?: "quic" | "webrtc";
  readonly part: RegExp;
}[] = [
  { name: "reach.webrtc", option: "webrtc", part: /\/webrtc/u },
  { name: "webtransport", part: /\/webtransport/u },
  { name: "reach.quic", option: "quic", part: /\/quic/u },
];

/** A private network is one by its key, and only over transports that the key protects. @throws CONFIG_INVALID. */
export function checkPrivacy(options: PrivacyOptions): void {
  const { profile, psk, forced, addresses } = options;
  if (psk === undefined) {
    if (profile === "private") invalid("the profile private needs reach.pskFile");
    if (forced) invalid("a private network is forced (GRIDMESH_FORCE_PNET) and reach.pskFile is not set");
    if (options.webrtc) invalid("reach.webrtc is not supported: no WebRTC transport is part of this node");
    return;
  }
  const told = addresses.join(" ");
  const bypass = unprotected.find(
    ({ option, part }) => (option !== undefined && options[option]) || part.test(told),
  )?.name;
  if (bypass !== undefined) {
    invalid(`reach.pskFile and ${bypass} exclude each other: ${bypass} connects whoever lacks the key`);
  }
  if (isKeyFile(psk)) return;
  invalid("the key in reach.pskFile is three lines: /key/swarm/psk/1.0.0/, /base16/, 64 hex digits");
}

function isKeyFile(text: string): boolean {
  const [format, encoding, key, ...more] = text.trim().split(/\r?\n/u);
  if (format !== "/key/swarm/psk/1.0.0/" || encoding !== "/base16/" || more.length > 0) return false;
  return /^[0-9a-f]{64}$/iu.test(key ?? "");
}

function invalid(message: string): never {
  throw new ProtocolError("CONFIG_INVALID", message);
}

import type { ConnectionEncrypter } from "@libp2p/interface";

/** Bytes, in one piece or a list of them. */
interface Pieces {
  readonly byteLength: number;
  getUint16?(offset: number): number;
}

/** What this file knows of the library's encrypted stream; where it is of another shape, nothing is changed. */
interface Decoding {
  readonly decoder?: { lengthDecoder?: (bytes: Pieces) => number };
}

/** The library looks for another message after each one, and takes this for the answer that there is none yet. */
const TOO_SHORT = new RangeError("no whole length yet");

function lengthIn(bytes: Pieces): number {
  if (bytes.byteLength < 2) throw TOO_SHORT;
  if (bytes.getUint16 !== undefined) return bytes.getUint16(0);
  const [high = 0, low = 0] = bytes as Uint8Array;
  return (high << 8) | low;
}

/**
 * Noise whose messages end at less cost: the library makes a new error, with all the calls that led to it, after every
 * message that was read whole.
 */
export function withSparingLengths<Components>(
  create: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const noise = create(components);
    for (const name of ["secureInbound", "secureOutbound"] as const) {
      const secure = noise[name].bind(noise);
      noise[name] = async (connection, options) => {
        const secured = await secure(connection, options);
        const { decoder } = secured.connection as unknown as Decoding;
        if (decoder?.lengthDecoder !== undefined) decoder.lengthDecoder = lengthIn;
        return secured;
      };
    }
    return noise;
  };
}

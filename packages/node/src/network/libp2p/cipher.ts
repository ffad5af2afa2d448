import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import type { ICryptoInterface } from "@libp2p/noise";
import { defaultCrypto } from "@libp2p/noise/crypto";

const ALGORITHM = "chacha20-poly1305";
const TAG_BYTES = 16;
const OPTIONS = { authTagLength: TAG_BYTES };
/** Below it the library's WebAssembly needs less than a call into OpenSSL. */
const MIN_BYTES = 512;

/**
 * Noise's cipher with each direction's key parsed once: the library gives OpenSSL the raw key with every message,
 * which costs three times what a kilobyte's encryption does.
 */
export function keptKeyCrypto(): ICryptoInterface {
  const parsed = new WeakMap<Uint8Array, KeyObject>();
  const keyOf = (raw: Uint8Array): KeyObject => {
    const known = parsed.get(raw);
    if (known !== undefined) return known;
    const key = createSecretKey(raw);
    parsed.set(raw, key);
    return key;
  };
  const library = defaultCrypto;
  return {
    ...library,
    chaCha20Poly1305Encrypt(...given) {
      const [plaintext, nonce, ad, k] = given;
      if (plaintext.byteLength < MIN_BYTES) return library.chaCha20Poly1305Encrypt(...given);
      const cipher = createCipheriv(ALGORITHM, keyOf(k), nonce, OPTIONS);
      if (ad.byteLength > 0) cipher.setAAD(ad, { plaintextLength: plaintext.byteLength });
      const text = cipher.update(plaintext.subarray());
      cipher.final();
      return Buffer.concat([text, cipher.getAuthTag()], text.length + TAG_BYTES);
    },
    chaCha20Poly1305Decrypt(...given) {
      const [ciphertext, nonce, ad, k] = given;
      if (ciphertext.byteLength < MIN_BYTES) return library.chaCha20Poly1305Decrypt(...given);
      const bytes = ciphertext.subarray();
      const end = bytes.length - TAG_BYTES;
      const decipher = createDecipheriv(ALGORITHM, keyOf(k), nonce, OPTIONS);
      if (ad.byteLength > 0) decipher.setAAD(ad, { plaintextLength: end });
      decipher.setAuthTag(bytes.subarray(end));
      const text = decipher.update(bytes.subarray(0, end));
      // Throws where the tag is wrong.
      decipher.final();
      return text;
    },
  };
}

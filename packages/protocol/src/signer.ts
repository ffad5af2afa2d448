/** A key that signs after policy; agents never hold one, the node signs for them. */
export interface Signer {
  /** `ed25519:` + base58btc of the raw public key. */
  readonly agentId: string;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Raw Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

// Crypto port: Ed25519, X25519 with XSalsa20-Poly1305 (a NaCl box), and SHA-512. Pure functions of their
// arguments: chance comes from the Entropy port. Two implementations stand side by side and are checked
// against each other: node:crypto on a board, tweetnacl where there is none.

export interface Signer {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes, deterministic (RFC 8032). */
  sign(message: Uint8Array): Uint8Array;
}

export interface Crypto {
  /** From a 32-byte seed. */
  signer(seed: Uint8Array): Signer;
  /** False for a wrong length, S >= L (malleable), or a public key of small order; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** SHA-512, 64 bytes. */
  digest(message: Uint8Array): Uint8Array;
  /** X25519 public key of a 32-byte secret. */
  boxPublicKey(secretKey: Uint8Array): Uint8Array;
  /** The key that both sides share, computed once per peer (costly); undefined for a public key of small order. */
  boxShared(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array | undefined;
  /** Adds 16 bytes. The nonce (24 bytes) must never serve twice under one shared key. */
  seal(message: Uint8Array, nonce: Uint8Array, sharedKey: Uint8Array): Uint8Array;
  /** Undefined when the box was not made with this key and nonce, or was touched. */
  open(box: Uint8Array, nonce: Uint8Array, sharedKey: Uint8Array): Uint8Array | undefined;
}

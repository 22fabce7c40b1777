// The Crypto port on a board: Ed25519 and SHA-512 by the system's library through node:crypto, some fifty
// times faster than the portable one, and the box from there. Keys are imported once and kept, because the
// import costs as much as the check.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from "node:crypto";
import type { Crypto, Signer } from "../crypto.ts";
import { isSafeEd25519Key, isSafeEd25519Signature } from "../drivers/ed25519-guard.ts";
import { naclBox } from "../drivers/nacl-crypto.ts";

/** Imported public keys kept at once; the one longest unused makes room. */
const KEYS_MAX = 256;

/** Holds no more than the imported keys. A seed of a wrong length, which is our own doing, throws. */
export function openNodeCrypto(): Crypto {
  const keys = new Map<string, KeyObject>();

  const keyObject = (publicKey: Uint8Array): KeyObject => {
    const name = Buffer.from(publicKey).toString("base64url");
    const key =
      keys.get(name) ??
      createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: name }, format: "jwk" });
    keys.delete(name);
    keys.set(name, key);
    if (keys.size > KEYS_MAX) keys.delete(keys.keys().next().value ?? "");
    return key;
  };

  return {
    signer,
    verify(publicKey, message, signature) {
      if (!isSafeEd25519Key(publicKey) || !isSafeEd25519Signature(signature)) return false;
      try {
        return verifyWith(null, message, keyObject(publicKey), signature);
      } catch {
        // Libraries of some versions refuse bytes that are no point at import instead of at the check.
        return false;
      }
    },
    digest: (message) => new Uint8Array(createHash("sha512").update(message).digest()),
    ...naclBox,
  };
}

/** What stands before the 32 bytes of seed in a PKCS8 key (RFC 8410 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

function signer(seed: Uint8Array): Signer {
  if (seed.length !== 32) throw new RangeError("an Ed25519 seed has 32 bytes");
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, seed]),
    format: "der",
    type: "pkcs8",
  });
  // The public key ends the SPKI form (RFC 8410 4).
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(spki.subarray(-32)),
    sign: (message) => new Uint8Array(signWith(null, message, key)),
  };
}

// A private key under a passphrase: EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018), scrypt (RFC 7914)
// and AES-256-CBC, the form that `openssl pkcs8 -topk8 -scrypt` writes and node:crypto reads. Node itself
// would write it with 2,048 rounds of PBKDF2, which is too quick to try passphrases by.

import { createCipheriv, randomBytes, scryptSync } from "node:crypto";

/** 16 MiB and five rounds: about a quarter of a second on a PC. OpenSSL refuses more than 32 MiB. */
const COST = { N: 16_384, r: 8, p: 5 };
const SALT_BYTES = 16;
const IV_BYTES = 16;
const KEY_BYTES = 32;

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTETS = 0x04;
/** 1.2.840.113549.1.5.13, 1.3.6.1.4.1.11591.4.11, 2.16.840.1.101.3.4.1.42. */
const PBES2 = Buffer.from("06092a864886f70d01050d", "hex");
const SCRYPT = Buffer.from("06092b06010401da47040b", "hex");
const AES_256_CBC = Buffer.from("060960864801650304012a", "hex");

/** DER of the encrypted form of a PrivateKeyInfo in DER. */
export function encryptPkcs8(der: Uint8Array, passphrase: string): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(IV_BYTES);
  const key = scryptSync(passphrase, salt, KEY_BYTES, COST);
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const encrypted = Buffer.concat([cipher.update(der), cipher.final()]);
  const { N, r, p } = COST;
  const costs = [N, r, p].map((cost) => tagged(INTEGER, integer(cost)));
  const kdf = tagged(SEQUENCE, SCRYPT, tagged(SEQUENCE, tagged(OCTETS, salt), ...costs));
  const scheme = tagged(SEQUENCE, AES_256_CBC, tagged(OCTETS, iv));
  const algorithm = tagged(SEQUENCE, PBES2, tagged(SEQUENCE, kdf, scheme));
  return tagged(SEQUENCE, algorithm, tagged(OCTETS, encrypted));
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length];
  if (body.length > 0xff) throw new Error("assertion failed: a key's parts are short");
  return Buffer.concat([Uint8Array.of(tag, ...length), body]);
}

/** Positive: a leading zero keeps the sign bit clear. */
function integer(value: number): Uint8Array {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Uint8Array.of(0), bytes]);
}

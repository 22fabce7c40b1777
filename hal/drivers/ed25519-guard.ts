// What must be refused before any Ed25519 library is asked, because libraries differ in it: keys that are no
// proper point encoding or of small order (under which one signature fits many messages), and signatures
// with S >= L (which can be changed without breaking them). Implementations of the Crypto port share it, so
// that they answer alike.

/** 32 bytes that encode a y below p (RFC 8032 5.1.3) of a point whose order is not 1, 2, 4 or 8. */
export function isSafeEd25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  // Both points of one y have the same order, so the sign bit of x does not matter.
  const y = Uint8Array.from(publicKey);
  y[31] = (y[31] ?? 0) & 0x7f;
  return isBelow(y, FIELD_PRIME) && !SMALL_ORDER_YS.some((small) => isSame(y, small));
}

/** 64 bytes whose second half is below the group order L (RFC 8032 5.1.7). */
export function isSafeEd25519Signature(signature: Uint8Array): boolean {
  return signature.length === 64 && isBelow(signature.subarray(32), GROUP_ORDER);
}

/** p = 2^255 - 19, little-endian like all that follow. */
const FIELD_PRIME = littleEndian(2n ** 255n - 19n);
/** L = 2^252 + 27742317777372353535851937790883648493. */
const GROUP_ORDER = littleEndian(2n ** 252n + 27742317777372353535851937790883648493n);

/** The y of all points of order 1, 2, 4 and 8. The two of order 8 solve d y^4 + 2 y^2 - 1 = 0 and add up to p. */
const ORDER_8_Y = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER_YS: readonly Uint8Array[] = [
  littleEndian(1n),
  littleEndian(2n ** 255n - 20n),
  littleEndian(0n),
  littleEndian(ORDER_8_Y),
  littleEndian(2n ** 255n - 19n - ORDER_8_Y),
];

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Keys and signatures are public, so it does not matter that this takes longer for some than for others. */
function isBelow(value: Uint8Array, bound: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (value[i] ?? 0) - (bound[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}

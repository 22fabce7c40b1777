// A CWT claims set as anybody may send it (RFC 8392 3), as plain data under the registered names. For
// looking at other people's tokens and published vectors; what we sell on is read by our own schemas.

import { toHex } from "../bytes.ts";
import { type CborNode, readCborTree } from "../protocol/cbor-tree.ts";

/** Text, numbers, arrays and objects; byte strings as hexadecimal, integers beyond 2^53 as decimal text. */
export type PlainClaim =
  | string
  | number
  | boolean
  | null
  | readonly PlainClaim[]
  | { [name: string]: PlainClaim };

export type ForeignClaims =
  | { ok: true; claims: Record<string, PlainClaim> }
  /** `claim` is the name of the one that was wrong. */
  | { ok: false; kind: "malformed" | "not-claims" | "duplicate-key" }
  | { ok: false; kind: "bad-claim"; claim: string };

/**
 * Takes a claims map, bare or under the CWT tag 61. A claim without a registered name keeps its label, an
 * integer as decimal text. A registered claim of another type than RFC 8392 3.1 says is `bad-claim`.
 */
export function readForeignClaims(bytes: Uint8Array): ForeignClaims {
  const root = readCborTree(bytes);
  if (root === undefined) return { ok: false, kind: "malformed" };
  const node = root.is === "tag" && root.tag === CWT_TAG ? root.content : root;
  if (node.is !== "map") return { ok: false, kind: "not-claims" };
  const claims = new Map<string, PlainClaim>();
  for (const [key, value] of node.pairs) {
    if (key.is !== "integer" && key.is !== "text") return { ok: false, kind: "not-claims" };
    const registered = key.is === "integer" ? REGISTERED.get(key.value) : undefined;
    const name = registered?.name ?? String(key.value);
    if (claims.has(name)) return { ok: false, kind: "duplicate-key" };
    const plain = registered?.isType(value) === false ? undefined : plainClaim(value);
    if (plain === undefined) return { ok: false, kind: "bad-claim", claim: name };
    claims.set(name, plain);
  }
  return { ok: true, claims: Object.fromEntries(claims) };
}

const CWT_TAG = 61n;

interface RegisteredClaim {
  name: string;
  isType: (node: CborNode) => boolean;
}

const isText = (node: CborNode): boolean => node.is === "text";
const isBytes = (node: CborNode): boolean => node.is === "bytes";
const isMap = (node: CborNode): boolean => node.is === "map";
/** JWT, whose rules an audience follows (3.1.3), allows several. */
const isAudience = (node: CborNode): boolean =>
  isText(node) || (node.is === "array" && node.items.every(isText));
/** Seconds, with the leading tag 1 left out, as 2 (NumericDate) requires. */
const isTime = (node: CborNode): boolean =>
  node.is === "integer" || (node.is === "float" && Number.isFinite(node.value));

const REGISTERED = new Map<bigint, RegisteredClaim>([
  [1n, { name: "iss", isType: isText }],
  [2n, { name: "sub", isType: isText }],
  [3n, { name: "aud", isType: isAudience }],
  [4n, { name: "exp", isType: isTime }],
  [5n, { name: "nbf", isType: isTime }],
  [6n, { name: "iat", isType: isTime }],
  [7n, { name: "cti", isType: isBytes }],
  // RFC 8747 3.1.
  [8n, { name: "cnf", isType: isMap }],
]);

/** Undefined for what JSON cannot show truly: a float that is no number, a key that is no label, a key twice. */
function plainClaim(node: CborNode): PlainClaim | undefined {
  switch (node.is) {
    case "integer":
      return plainInteger(node.value);
    case "bytes":
      return toHex(node.value);
    case "text":
      return node.value;
    case "float":
      return Number.isFinite(node.value) ? node.value : undefined;
    case "simple":
      return [false, true, null][node.value - 20];
    case "tag":
      return plainClaim(node.content);
    case "pieces":
      return undefined;
    case "array":
      return plainArray(node.items);
    case "map":
      return plainMap(node.pairs);
  }
}

function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function plainArray(items: readonly CborNode[]): PlainClaim | undefined {
  const plain: PlainClaim[] = [];
  for (const node of items) {
    const value = plainClaim(node);
    if (value === undefined) return undefined;
    plain.push(value);
  }
  return plain;
}

function plainMap(pairs: readonly (readonly [CborNode, CborNode])[]): PlainClaim | undefined {
  const plain = new Map<string, PlainClaim>();
  for (const [key, node] of pairs) {
    const value = plainClaim(node);
    const name = key.is === "integer" || key.is === "text" ? String(key.value) : undefined;
    if (name === undefined || value === undefined || plain.has(name)) return undefined;
    plain.set(name, value);
  }
  return Object.fromEntries(plain);
}

// COSE_Sign1 as anybody may send it (RFC 9052 4.2): tag 18 or none, any header parameters, any well-formed
// encoding; still only EdDSA over Ed25519. For checking other people's objects and published vectors; ours
// are held to one form by sign1.ts. The signature is checked over the bytes received here as well.

import type { Crypto } from "../../hal/crypto.ts";
import { type CborNode, readCborTree } from "../protocol/cbor-tree.ts";
import { toBeSigned } from "./sign1.ts";

export type ForeignSign1Trouble =
  /** Not a COSE_Sign1: other shape or tag, a label twice, a detached payload, `crit` not as RFC 9052 3.1 says. */
  | "malformed"
  /** Any `alg` but EdDSA (-8), none in the protected header, or a key of another curve than Ed25519. */
  | "unsupported-alg"
  /** `crit` lists a parameter that we do not know. */
  | "unsupported-crit"
  /** Not made by this key over these bytes. */
  | "signature";

export type ForeignSign1 =
  | { ok: true; payload: Uint8Array; keyId: Uint8Array | undefined }
  | { ok: false; kind: ForeignSign1Trouble };

export interface ForeignSign1Question {
  sign1: Uint8Array;
  publicKey: Uint8Array;
  externalAad: Uint8Array;
}

export function verifyForeignSign1(crypto: Crypto, question: ForeignSign1Question): ForeignSign1 {
  const parts = readParts(question.sign1);
  if (parts === undefined) return refuse("malformed");
  const trouble = headerTrouble(parts);
  if (trouble !== undefined) return refuse(trouble);
  if (question.publicKey.length !== 32) return refuse("unsupported-alg");
  // 4.4: an empty map may come as {} but is signed as no bytes; with alg in it, it is never empty here.
  const message = toBeSigned(parts.protectedBytes, question.externalAad, parts.payload);
  if (!crypto.verify(question.publicKey, message, parts.signature)) return refuse("signature");
  const keyId = parts.protectedHeader.get(KEY_ID) ?? parts.unprotected.get(KEY_ID);
  return {
    ok: true,
    payload: parts.payload,
    keyId: keyId?.is === "bytes" ? keyId.value : undefined,
  };
}

/** Header labels as text, so that 1 and "1" differ: integers as they are, text in quotes. */
type Header = ReadonlyMap<string, CborNode>;
const ALGORITHM = "1";
const CRITICAL = "2";
const CONTENT_TYPE = "3";
const KEY_ID = "4";
const KNOWN = [ALGORITHM, CRITICAL, CONTENT_TYPE, KEY_ID];
const EDDSA = -8n;
const SIGN1_TAG = 18n;

interface Parts {
  protectedBytes: Uint8Array;
  protectedHeader: Header;
  unprotected: Header;
  payload: Uint8Array;
  signature: Uint8Array;
}

function refuse(kind: ForeignSign1Trouble): ForeignSign1 {
  return { ok: false, kind };
}

function readParts(bytes: Uint8Array): Parts | undefined {
  const root = readCborTree(bytes);
  const node = root?.is === "tag" && root.tag === SIGN1_TAG ? root.content : root;
  if (node?.is !== "array" || node.items.length !== 4) return undefined;
  const [first, second, third, fourth] = node.items;
  if (first?.is !== "bytes" || third?.is !== "bytes" || fourth?.is !== "bytes") return undefined;
  const inner = first.value.length === 0 ? NO_HEADER : readCborTree(first.value);
  const protectedHeader = readHeader(inner);
  const unprotected = readHeader(second);
  if (protectedHeader === undefined || unprotected === undefined) return undefined;
  // RFC 9052 3: the same label must not occur in both.
  if ([...unprotected.keys()].some((label) => protectedHeader.has(label))) return undefined;
  return {
    protectedBytes: first.value,
    protectedHeader,
    unprotected,
    payload: third.value,
    signature: fourth.value,
  };
}

const NO_HEADER: CborNode = { is: "map", pairs: [], indefinite: false };

function readHeader(node: CborNode | undefined): Header | undefined {
  if (node?.is !== "map") return undefined;
  const header = new Map<string, CborNode>();
  for (const [key, value] of node.pairs) {
    const label = labelOf(key);
    if (label === undefined || header.has(label)) return undefined;
    header.set(label, value);
  }
  return header;
}

function labelOf(node: CborNode): string | undefined {
  if (node.is === "integer") return node.value.toString();
  return node.is === "text" ? JSON.stringify(node.value) : undefined;
}

function headerTrouble(parts: Parts): ForeignSign1Trouble | undefined {
  const { protectedHeader, unprotected } = parts;
  const algorithm = protectedHeader.get(ALGORITHM);
  if (algorithm?.is !== "integer" || algorithm.value !== EDDSA) return "unsupported-alg";
  // 3.1: crit is protected, lists at least one label, and each of them is there and protected.
  if (unprotected.has(CRITICAL)) return "malformed";
  const critical = protectedHeader.get(CRITICAL);
  if (critical === undefined) return undefined;
  if (critical.is !== "array" || critical.items.length === 0) return "malformed";
  const labels = critical.items.map(labelOf);
  if (labels.some((label) => label === undefined || !protectedHeader.has(label)))
    return "malformed";
  return labels.every((label) => KNOWN.includes(label ?? "")) ? undefined : "unsupported-crit";
}

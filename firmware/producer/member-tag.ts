// A member's card proves who has it: it signs what only this device, and only this time, asks. A number that a card
// merely says, such as its UID, proves nothing and is never asked for.

import type { CardReader, ChallengeReading } from "../../hal/card-reader.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import { concatBytes, utf8 } from "../bytes.ts";

const CHALLENGE_BYTES = 32;
const CHALLENGE_MS = 2_000;
/** What the signature is about: it serves no other purpose. */
const CONTEXT = "sluice/1 member";

export type Member =
  /** Ed25519: he is its thumbprint, as a consumer is his key's. */
  | { kind: "member"; publicKey: Uint8Array }
  /** It signs, and what it signed is not what was asked. */
  | { kind: "forged" }
  | Exclude<ChallengeReading, { kind: "signed" }>;

export interface MemberPorts {
  crypto: Crypto;
  entropy: Entropy;
  /** Id of the device: what was signed at another one is no good here. */
  device: string;
}

export async function askMember(reader: CardReader, ports: MemberPorts): Promise<Member> {
  const { crypto, entropy, device } = ports;
  const about = concatBytes(utf8(`${CONTEXT} ${device} `), entropy.bytes(CHALLENGE_BYTES));
  const challenge = crypto.digest(about).slice(0, CHALLENGE_BYTES);
  const read = await reader.challenge(challenge, CHALLENGE_MS);
  if (read.kind !== "signed") return read;
  const { publicKey, signature } = read;
  const isHis = crypto.verify(publicKey, challenge, signature);
  return isHis ? { kind: "member", publicKey } : { kind: "forged" };
}

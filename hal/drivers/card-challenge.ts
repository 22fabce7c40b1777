// A member's card shows who it is: it signs a challenge with a key that never leaves it. The same two commands on
// every reader, with contacts or without.

import type { ChallengeReading } from "../card-reader.ts";
import type { CardChannel } from "./card-channel.ts";

/** Bytes of a challenge. */
export const CHALLENGE_BYTES = 32;

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const OK = 0x9000;

/** Application F0 53 4C 55 49 43 45: a proprietary name, not a registered one. */
const SELECT = Uint8Array.of(
  ...[0x00, 0xa4, 0x04, 0x00, 0x07],
  ...[0xf0, 0x53, 0x4c, 0x55, 0x49, 0x43, 0x45],
  0x00,
);

const INTERNAL_AUTHENTICATE = Uint8Array.of(0x00, 0x88, 0x00, 0x00, CHALLENGE_BYTES);

/**
 * Asks the card to sign. The signature is not checked here: whoever knows the members does. `challenge` must be
 * CHALLENGE_BYTES long and fresh.
 */
export async function askChallenge(
  channel: CardChannel,
  challenge: Uint8Array,
): Promise<ChallengeReading> {
  if (challenge.length !== CHALLENGE_BYTES) {
    throw new RangeError(`a challenge has ${CHALLENGE_BYTES} bytes, not ${challenge.length}`);
  }
  const selected = await channel.transmit(SELECT);
  if (selected.kind === "gone") return { kind: "torn" };
  if (selected.kind === "lost") return { kind: "lost" };
  if (selected.kind === "mute" || selected.status !== OK) return { kind: "unable" };
  const command = new Uint8Array(INTERNAL_AUTHENTICATE.length + CHALLENGE_BYTES + 1);
  command.set(INTERNAL_AUTHENTICATE, 0);
  command.set(challenge, INTERNAL_AUTHENTICATE.length);
  const signed = await channel.transmit(command);
  if (signed.kind === "gone") return { kind: "torn" };
  if (signed.kind === "lost") return { kind: "lost" };
  if (signed.kind === "mute" || signed.status !== OK) return { kind: "unable" };
  if (signed.data.length !== KEY_BYTES + SIGNATURE_BYTES) return { kind: "unable" };
  return {
    kind: "signed",
    publicKey: signed.data.slice(0, KEY_BYTES),
    signature: signed.data.slice(KEY_BYTES),
  };
}

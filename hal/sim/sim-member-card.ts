// A member's card of the bench: it signs a challenge with its own key, by radio or by contacts, and does nothing else.

import type { Signer } from "../crypto.ts";
import type { SimCard } from "./sim-card.ts";

const APPLICATION = [0xf0, 0x53, 0x4c, 0x55, 0x49, 0x43, 0x45];
const CHALLENGE_BYTES = 32;

/** `uid`: 4 bytes. */
export function memberCard(
  name: string,
  signer: Signer,
  uid: Uint8Array = Uint8Array.of(0x04, 0x5e, 0x11, 0x0c),
): SimCard {
  let isSelected = false;
  const answer = (command: Uint8Array): readonly number[] => {
    const [, code, p1, p2, length = 0, ...rest] = command;
    const data = rest.slice(0, length);
    if (code === 0xa4 && p1 === 0x04) {
      isSelected = data.join() === APPLICATION.join();
      return isSelected ? [0x90, 0x00] : [0x6a, 0x82];
    }
    if (code !== 0x88 || p1 !== 0x00 || p2 !== 0x00) return [0x6d, 0x00];
    if (!isSelected) return [0x69, 0x85];
    if (data.length !== CHALLENGE_BYTES) return [0x67, 0x00];
    return [...signer.publicKey, ...signer.sign(Uint8Array.from(data)), 0x90, 0x00];
  };
  return {
    name,
    atr: Uint8Array.of(0x3b, 0xe0, 0x00, 0x00, 0x81, 0x31, 0x20, 0x43, 0x33),
    field: {
      uid,
      sensRes: [0x00, 0x04],
      selRes: 0x20,
      ats: Uint8Array.of(0x05, 0x78, 0x80, 0x70, 0x02),
    },
    apdu: (command) => Uint8Array.from(answer(command)),
    reset: () => {
      isSelected = false;
    },
  };
}

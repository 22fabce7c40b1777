// T=0 as the host does it behind a reader that sees to the procedure bytes: a command with data both ways goes out
// without its expected length, and nothing guards an answer but its own length.

import type { ApduAnswer } from "./card-channel.ts";
import { apduCase, isRepeatable, readAnswer } from "./iso7816-apdu.ts";
import type { BlockAnswer, BlockSender } from "./iso7816-block.ts";

const TRIES = 3;
const GENERATE_AC = 0xae;
const GET_RESPONSE = 0xc0;

export class T0Link {
  readonly #sender: BlockSender;
  /** From the card's decision on nothing is sent twice. */
  #isDecided = false;

  constructor(sender: BlockSender) {
    this.#sender = sender;
  }

  async exchange(command: Uint8Array): Promise<ApduAnswer> {
    const sort = apduCase(command);
    const tpdu = sort === 4 ? command.slice(0, -1) : new Uint8Array(Math.max(5, command.length));
    if (sort !== 4) tpdu.set(command);
    if (command[1] === GENERATE_AC) this.#isDecided = true;
    for (let left = TRIES - 1; ; left--) {
      const got = await this.#sender.send(tpdu, 1);
      if (got.kind === "gone" || got.kind === "lost") return got;
      if (got.kind === "block") return this.#judge(got.bytes, sort, command[4] ?? 0);
      if (left <= 0 || !this.#mayRepeat(got.kind, command)) return { kind: "mute" };
    }
  }

  #mayRepeat(trouble: BlockAnswer["kind"], command: Uint8Array): boolean {
    if (this.#isDecided) return false;
    // What a card has handed over once it does not hand over again.
    if (command[1] === GET_RESPONSE) return trouble === "refused";
    return isRepeatable(command);
  }

  /** All that was asked for comes back, or nothing but a status word. */
  #judge(bytes: Uint8Array, sort: 1 | 2 | 3 | 4, length: number): ApduAnswer {
    const answer = readAnswer(bytes);
    // It may hold a card's number.
    bytes.fill(0);
    if (answer === undefined) return { kind: "mute" };
    const dataBytes = sort === 2 ? length || 256 : 0;
    const isWhole = answer.data.length === 0 || answer.data.length === dataBytes;
    return isWhole ? answer : { kind: "mute" };
  }
}

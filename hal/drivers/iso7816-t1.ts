// T=1 as the host does it (ISO 7816-3): numbered blocks, chains of them, the card's requests for time and block size,
// three tries for a block that came wrong, and then the link afresh.

import type { ApduAnswer } from "./card-channel.ts";
import { isRepeatable, readAnswer } from "./iso7816-apdu.ts";
import type { BlockSender } from "./iso7816-block.ts";
import {
  type BlockTrouble,
  decodeBlock,
  encodeI,
  encodeR,
  encodeS,
  S_ABORT,
  S_IFS,
  S_RESYNCH,
  type T1Block,
} from "./iso7816-t1-block.ts";

const TRIES = 3;
/** An answer and its status word. */
const ANSWER_BYTES_MAX = 258;
/** A command of 261 bytes in blocks of one, an answer of 258, and trouble besides. */
const BLOCKS_MAX = 800;
/** All the time that a card may ask for during one command, in times of its usual waiting time. */
const TIMES_MAX = 60;
const IFSD = 0xfe;
const NOTHING = new Uint8Array(0);

type Told =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "gone" | "lost" | "mute" }
  /** The link was begun afresh: nobody knows whether the card carried the command out. */
  | { kind: "afresh" };

/** What is to be done about what came. */
type Step =
  | { kind: "send"; block: Uint8Array; times?: number }
  /** The card wants our last block again. */
  | { kind: "again" }
  | { kind: "wrong"; trouble: BlockTrouble }
  | { kind: "done" }
  /** It asks for what cannot be had. */
  | { kind: "break" };

/** One command on its way. */
interface Way {
  /** What the card has not acknowledged yet; how much of it is under way, and in which block. */
  command: Uint8Array;
  pieceBytes: number;
  piece: Uint8Array;
  /** The card has the whole command, and answers. */
  isAnswering: boolean;
  answer: Uint8Array;
  times: number;
}

export class T1Link {
  readonly #sender: BlockSender;
  readonly #crc: boolean;
  readonly #ifscAtReset: number;
  #ifsc: number;
  /** Number of our next I-block, and of the one that we expect. */
  #ours: 0 | 1 = 0;
  #theirs: 0 | 1 = 0;
  #isBroken = false;

  constructor(sender: BlockSender, options: { ifsc: number; crc: boolean }) {
    this.#sender = sender;
    this.#crc = options.crc;
    this.#ifscAtReset = options.ifsc;
    this.#ifsc = options.ifsc;
  }

  /** Tells the card how long its blocks may be; `mute` where it does not agree. */
  begin(): Promise<"ok" | "gone" | "lost" | "mute"> {
    return this.#settle(S_IFS, Uint8Array.of(IFSD));
  }

  async exchange(command: Uint8Array): Promise<ApduAnswer> {
    let told = await this.#converse(command);
    if (told.kind === "afresh" && isRepeatable(command)) told = await this.#converse(command);
    if (told.kind === "afresh") return { kind: "mute" };
    if (told.kind !== "bytes") return { kind: told.kind };
    const answer = readAnswer(told.bytes);
    told.bytes.fill(0);
    return answer ?? { kind: "mute" };
  }

  async #converse(command: Uint8Array): Promise<Told> {
    if (this.#isBroken) return { kind: "mute" };
    const way = {
      ...{ command, piece: NOTHING, pieceBytes: 0 },
      ...{ isAnswering: false, answer: NOTHING, times: 0 },
    };
    let block = this.#nextPiece(way);
    let times = 1;
    let tries = 0;
    for (let blocks = 0; blocks < BLOCKS_MAX; blocks++) {
      const got = await this.#sender.send(block, times);
      times = 1;
      if (got.kind === "gone" || got.kind === "lost") return got;
      // It never left the reader: the same again.
      if (got.kind === "refused" && ++tries < TRIES) continue;
      const step = this.#judge(way, this.#heard(got));
      if (step.kind === "done") return { kind: "bytes", bytes: way.answer };
      if (step.kind === "send") {
        block = step.block;
        times = step.times ?? 1;
        tries = 0;
        continue;
      }
      if (step.kind === "break" || ++tries > TRIES) break;
      if (step.kind === "wrong") block = encodeR(this.#theirs, step.trouble, this.#crc);
      else block = way.isAnswering ? this.#acknowledgement() : way.piece;
    }
    way.answer.fill(0);
    return this.#afresh();
  }

  #heard(got: { kind: string; bytes?: Uint8Array }): T1Block | "checksum" | "other" {
    if (got.bytes === undefined) return got.kind === "garbled" ? "checksum" : "other";
    const block = decodeBlock(got.bytes, this.#crc);
    got.bytes.fill(0);
    return block;
  }

  #nextPiece(way: Way): Uint8Array {
    way.pieceBytes = Math.min(this.#ifsc, way.command.length);
    const isMore = way.pieceBytes < way.command.length;
    way.piece = encodeI(this.#ours, isMore, way.command.subarray(0, way.pieceBytes), this.#crc);
    return way.piece;
  }

  #acknowledgement(): Uint8Array {
    return encodeR(this.#theirs, "none", this.#crc);
  }

  #judge(way: Way, heard: T1Block | "checksum" | "other"): Step {
    if (typeof heard === "string") return { kind: "wrong", trouble: heard };
    if (heard.sort === "s") return this.#judgeS(way, heard);
    if (heard.sort === "i") return this.#judgeI(way, heard);
    if (way.isAnswering || heard.number === this.#ours) return { kind: "again" };
    const isLast = way.pieceBytes === way.command.length;
    if (isLast || heard.isTrouble) return { kind: "wrong", trouble: "other" };
    way.command = way.command.subarray(way.pieceBytes);
    this.#ours = other(this.#ours);
    return { kind: "send", block: this.#nextPiece(way) };
  }

  #judgeI(way: Way, block: T1Block & { sort: "i" }): Step {
    const isEarly = !way.isAnswering && way.pieceBytes < way.command.length;
    if (block.number !== this.#theirs || isEarly) return { kind: "wrong", trouble: "other" };
    if (!way.isAnswering) this.#ours = other(this.#ours);
    way.isAnswering = true;
    this.#theirs = other(this.#theirs);
    if (way.answer.length + block.data.length > ANSWER_BYTES_MAX) return { kind: "break" };
    const answer = new Uint8Array(way.answer.length + block.data.length);
    answer.set(way.answer);
    answer.set(block.data, way.answer.length);
    way.answer.fill(0);
    block.data.fill(0);
    way.answer = answer;
    return block.isMore ? { kind: "send", block: this.#acknowledgement() } : { kind: "done" };
  }

  #judgeS(way: Way, block: T1Block & { sort: "s" }): Step {
    const [value = 0] = block.data;
    const isOne = block.data.length === 1 && value > 0;
    if (block.isAnswer || block.request === S_RESYNCH) return { kind: "wrong", trouble: "other" };
    if (block.request === S_ABORT) return { kind: "break" };
    if (!isOne || (block.request === S_IFS && value === 0xff)) {
      return { kind: "wrong", trouble: "other" };
    }
    const answer = encodeS(block.request, true, block.data, this.#crc);
    if (block.request === S_IFS) {
      // The piece under way keeps its size: it may have to go again.
      this.#ifsc = value;
      return { kind: "send", block: answer };
    }
    way.times += value;
    if (way.times > TIMES_MAX) return { kind: "break" };
    return { kind: "send", block: answer, times: value };
  }

  async #afresh(): Promise<Told> {
    const settled = await this.#settle(S_RESYNCH, NOTHING);
    if (settled !== "ok") {
      this.#isBroken = true;
      return { kind: settled };
    }
    this.#ours = 0;
    this.#theirs = 0;
    this.#ifsc = this.#ifscAtReset;
    return { kind: "afresh" };
  }

  /** Asks until the card says the same. */
  async #settle(request: number, data: Uint8Array): Promise<"ok" | "gone" | "lost" | "mute"> {
    for (let left = TRIES; left > 0; left--) {
      const got = await this.#sender.send(encodeS(request, false, data, this.#crc), 1);
      if (got.kind === "gone" || got.kind === "lost") return got.kind;
      const heard = this.#heard(got);
      if (typeof heard === "string" || heard.sort !== "s") continue;
      const isSame = heard.data.length === data.length && heard.data[0] === data[0];
      if (heard.isAnswer && heard.request === request && isSame) return "ok";
    }
    return "mute";
  }
}

function other(number: 0 | 1): 0 | 1 {
  return number === 0 ? 1 : 0;
}

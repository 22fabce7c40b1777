// What the page knows: the bench's latest state, and of what happened so much as a person looks at.

import type { BenchEvent, BenchState, BoardState } from "../bench/bench-state.ts";
import type { DoneSize } from "../bench/done-actions.ts";
import { fromHex } from "../firmware/bytes.ts";
import { openNaclCrypto } from "../hal/drivers/nacl-crypto.ts";
import type { BenchTime, Hello } from "./bench-socket.ts";
import { type JudgedReceipt, judgeReceipt } from "./receipt-verdict.ts";
import { Speed } from "./speed.ts";

export type FrameEvent = Extract<BenchEvent, { is: "frame" }>;
export type StageEvent = Extract<BenchEvent, { is: "stage" }>;
type Happening = Exclude<BenchEvent, { is: "frame" | "stage" | "receipt" | "display" }>;

const FRAMES_MAX = 200;
const STAGES_MAX = 60;
const HAPPENINGS_MAX = 80;
const RECEIPTS_MAX = 30;

/** Of one board, newest first. */
export interface BoardLog {
  frames: FrameEvent[];
  stages: StageEvent[];
  happenings: Happening[];
  receipts: JudgedReceipt[];
  paper: readonly string[];
  /** Frames so far, also of those that are shown no longer. */
  framesSeen: number;
  frameBytes: number;
}

export class Picture {
  isConnected = false;
  hello: Hello | undefined;
  time: BenchTime | undefined;
  state: BenchState | undefined;
  /** What was done in this world so far, which a recording would do again. */
  recorded: DoneSize | undefined;
  /** Outlets, as BOARD/OUTLET, through which something flowed since the state before. */
  flowing: ReadonlySet<string> = new Set();
  readonly #speed = new Speed();
  #lastSeq = 0;
  readonly #logs = new Map<string, BoardLog>();
  readonly #crypto = openNaclCrypto();

  get boards(): readonly BoardState[] {
    return this.state?.boards ?? [];
  }

  log(board: string): BoardLog {
    const there = this.#logs.get(board);
    if (there !== undefined) return there;
    const fresh: BoardLog = {
      ...{ frames: [], stages: [], happenings: [], receipts: [], paper: [] },
      ...{ framesSeen: 0, frameBytes: 0 },
    };
    this.#logs.set(board, fresh);
    return fresh;
  }

  /** Another world begins. */
  forget(): void {
    this.#logs.clear();
    this.#lastSeq = 0;
    this.state = undefined;
    this.flowing = new Set();
  }

  /** How fast the world goes by, of a second or more; undefined while that is not known. */
  get speed(): number | undefined {
    return this.#speed.value;
  }

  seeState(time: BenchTime, state: BenchState, recorded: DoneSize): void {
    this.#speed.see(time, performance.now());
    this.recorded = recorded;
    this.flowing = flowed(this.state, state, this.flowing);
    this.time = time;
    this.state = state;
  }

  seeEvents(events: readonly BenchEvent[]): void {
    for (const event of events) {
      // What is judged of the bench has no number.
      if (event.seq === 0) this.#seeJudged(event);
      // Where the line was lost, the latest is told once more.
      if (event.seq <= this.#lastSeq) continue;
      this.#lastSeq = event.seq;
      this.#see(event);
    }
  }

  /** It is of no board: every one of them shows it, once. */
  #seeJudged(event: BenchEvent): void {
    for (const { id: board } of this.boards) {
      const words = JSON.stringify({ ...event, board });
      const isKnown = this.log(board).happenings.some((one) => JSON.stringify(one) === words);
      if (!isKnown) this.#see({ ...event, board });
    }
  }

  #see(event: BenchEvent): void {
    const log = this.log(event.board);
    switch (event.is) {
      case "frame":
        log.framesSeen++;
        log.frameBytes += event.payload.length / 2;
        unshift(log.frames, event, FRAMES_MAX);
        break;
      case "stage":
        unshift(log.stages, event, STAGES_MAX);
        break;
      case "receipt":
        this.#seeReceipt(log, event);
        break;
      case "display":
        break;
      default:
        if (event.is === "paper") log.paper = event.lines;
        unshift(log.happenings, event, HAPPENINGS_MAX);
    }
  }

  #seeReceipt(log: BoardLog, event: Extract<BenchEvent, { is: "receipt" }>): void {
    const board = this.boards.find(({ id }) => id === event.board);
    const signed = fromHex(event.signed);
    if (signed === undefined || log.receipts.some((one) => one.hex === event.signed)) return;
    const key = fromHex(board?.signKey ?? "") ?? new Uint8Array();
    const before = log.receipts[0]?.signed;
    const judged = judgeReceipt({ signed, before, key, words: event.words }, this.#crypto);
    unshift(log.receipts, { ...judged, atMs: event.atMs, order: event.order }, RECEIPTS_MAX);
  }
}

function unshift<T>(list: T[], one: T, most: number): void {
  list.unshift(one);
  if (list.length > most) list.length = most;
}

/** A state that comes at the same world time as the one before says nothing of what flows. */
function flowed(
  before: BenchState | undefined,
  now: BenchState,
  was: ReadonlySet<string>,
): ReadonlySet<string> {
  if (before === undefined || before.nowMs === now.nowMs) return was;
  const flowing = new Set<string>();
  for (const board of now.boards) {
    const earlier = before.boards.find(({ id }) => id === board.id);
    for (const outlet of board.outlets) {
      const then = earlier?.outlets.find(({ id }) => id === outlet.id)?.flowed ?? outlet.flowed;
      const name = `${board.id}/${outlet.id}`;
      if (outlet.flowed > then || (was.has(name) && outlet.contact)) flowing.add(name);
    }
  }
  return flowing;
}

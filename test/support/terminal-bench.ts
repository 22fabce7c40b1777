// The driver of a card terminal and the simulated terminal in one virtual world, with a cable on which every message
// can be lost, spoilt, delayed or doubled, and which can be pulled.

import { after } from "../../hal/clock.ts";
import { encodeFrame, TerminalFrames } from "../../hal/drivers/terminal-frame.ts";
import { openTerminalHost, type TerminalHost } from "../../hal/drivers/terminal-host.ts";
import { HalError } from "../../hal/hal-error.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { SerialPort } from "../../hal/serial.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { type SimSerial, simSerial } from "../../hal/sim/sim-serial.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import {
  openSimTerminal,
  type SimTerminal,
  type TerminalCardName,
} from "../../hal/sim/sim-terminal.ts";
import { type SimProcess, type SimWorld, simWorld } from "../../hal/sim/world.ts";
import type { BookedPayment, HostBench, HostFault } from "../contract/payment-host-bench.ts";

/** What becomes of what one side wrote at once: what arrives instead, and how much later. */
export type Passage = (bytes: Uint8Array) => readonly { bytes: Uint8Array; delayMs?: number }[];
export const PASS: Passage = (bytes) => [{ bytes }];

export interface TerminalBench extends HostBench {
  host: TerminalHost;
  world: SimWorld;
  terminal: SimTerminal;
  disk: SimStore;
  wire: TerminalWire;
  process(): SimProcess;
  /** What the driver said that the terminal shows. */
  progress: string[];
}

const CARDS: Readonly<Record<string, TerminalCardName>> = {
  [TEST_CARDS.approve]: "visa-test",
  [TEST_CARDS.decline]: "declined-test",
  [TEST_CARDS.insufficient]: "poor-test",
  [TEST_CARDS.partial]: "partial-test",
};
const KINDS = ["terminal-attempt", "terminal-hold", "terminal-batch", "terminal-start"];
const BAUD = 115_200;

export class TerminalWire {
  toTerminal: Passage = PASS;
  toBoard: Passage = PASS;
  /** Each side hears what it says itself, as on a line of two wires. */
  echoes = false;
  readonly #world: SimWorld;
  readonly #terminal: SimTerminal;
  #isIn = true;
  #cable: SimSerial | undefined;
  #hear: { board: (bytes: Uint8Array) => void; terminal: (bytes: Uint8Array) => void } = {
    board: () => undefined,
    terminal: () => undefined,
  };

  constructor(world: SimWorld, terminal: SimTerminal) {
    this.#world = world;
    this.#terminal = terminal;
  }

  open(): Promise<SerialPort> {
    if (!this.#isIn) return Promise.reject(new HalError("disconnected", "it is not plugged in"));
    this.#cable = simSerial(this.#world, { baud: BAUD });
    const { a, b } = this.#cable;
    this.#terminal.plug(this.#side("terminal", b, (bytes) => this.toBoard(bytes)));
    return Promise.resolve(this.#side("board", a, (bytes) => this.toTerminal(bytes)));
  }

  pull(): void {
    this.#isIn = false;
    this.#cable?.unplug();
  }

  plugIn(): void {
    this.#isIn = true;
  }

  /** Bytes that nobody sent. */
  inject(side: "board" | "terminal", bytes: Uint8Array): void {
    this.#hear[side](bytes);
  }

  #side(name: "board" | "terminal", port: SerialPort, passage: Passage): SerialPort {
    return {
      write: async (bytes) => {
        if (this.echoes) after(this.#world.clock, 1, () => this.#hear[name](bytes));
        for (const { bytes: piece, delayMs = 0 } of passage(bytes)) {
          if (delayMs === 0) await port.write(piece);
          else
            after(this.#world.clock, delayMs, () => void port.write(piece).catch(() => undefined));
        }
      },
      onData: (listener) => {
        this.#hear[name] = listener;
        port.onData(listener);
      },
      onLost: (listener) => port.onLost(listener),
      close: () => port.close(),
    };
  }
}

export async function openTerminalBench(seed = 1): Promise<TerminalBench> {
  const world = simWorld({ seed });
  const disk = simStore();
  const crypto = openNodeCrypto();
  const terminal = await openSimTerminal({ store: disk.reopen(), clock: world.clock });
  const wire = new TerminalWire(world, terminal);
  const progress: string[] = [];
  let held: TerminalCardName | undefined;
  let process = world.process();
  const open = (): TerminalHost =>
    openTerminalHost({
      open: () => wire.open(),
      clock: process.clock,
      publicKey: crypto.boxPublicKey(new Uint8Array(32).fill(0x55)),
      simulated: true,
      onProgress: (_attempt, text) => progress.push(text),
    });
  const bench: TerminalBench = {
    ...{ host: open(), crypto, world, terminal, disk, wire, progress },
    process: () => process,
    cards: TEST_CARDS,
    present: (card) => {
      held = CARDS[card] ?? "visa-test";
    },
    books: async () => {
      const holds = [...(await terminal.holds())];
      return new Map<string, BookedPayment>(holds.map(([reference, hold]) => [reference, hold]));
    },
    arrange: async (fault) => {
      await arrange(fault, wire);
      return TEST_CARDS.approve;
    },
    heal: async () => {
      wire.toTerminal = PASS;
      wire.toBoard = PASS;
      wire.plugIn();
      await world.runFor(20_000);
    },
    restart: async () => {
      process.kill();
      process = world.process();
      await bench.host.close();
      bench.host = open();
      await world.runFor(1_000);
      return bench.host;
    },
    settle: async (call) => {
      // The payer holds it there for as long as it takes.
      if (held !== undefined) terminal.present(held);
      let pending = true;
      const ended = (): void => {
        pending = false;
      };
      call.then(ended, ended);
      await world.runWhile(() => pending, 600_000);
      return call;
    },
    pause: (durationMs) => world.runFor(durationMs),
    stored: async () => JSON.stringify(KINDS.map((kind) => disk.durable(kind))),
    dispose: () => bench.host.close(),
  };
  await world.runFor(500);
  return bench;
}

export const TERMINAL_FAULTS: readonly HostFault[] = [
  ...(["request-lost", "answer-lost", "answer-late", "answer-twice", "refused", "reset"] as const),
  ...(["malformed", "huge", "wrong-id", "wrong-amount", "wrong-currency"] as const),
];

/** The message of a frame, where it is one. */
export function messageOf(bytes: Uint8Array): string | undefined {
  const [heard] = new TerminalFrames().take(bytes);
  return heard?.kind === "message" ? heard.message : undefined;
}

function changed(pattern: RegExp, by: string): Passage {
  return (bytes) => {
    const message = messageOf(bytes);
    return [{ bytes: message === undefined ? bytes : encodeFrame(message.replace(pattern, by)) }];
  };
}

/** What happens to the terminal's answer to a payment. */
const SPOILT: Partial<Record<HostFault, Passage>> = {
  "answer-lost": (bytes) => (isResult(bytes) ? [] : [{ bytes }]),
  "answer-late": (bytes) => [{ bytes, delayMs: isResult(bytes) ? 15_000 : 0 }],
  "answer-twice": (bytes) => [{ bytes }, ...(isResult(bytes) ? [{ bytes, delayMs: 4_000 }] : [])],
  malformed: (bytes) => [{ bytes: isResult(bytes) ? bytes.subarray(0, bytes.length - 1) : bytes }],
  huge: (bytes) => [{ bytes: isResult(bytes) ? new Uint8Array(5_000).fill(0x41) : bytes }],
  "wrong-id": changed(/AK[!-~]*/, "AKffffffffffffffff/1/authorise"),
  "wrong-amount": changed(/AM1000/, "AM1001"),
  "wrong-currency": changed(/CUEUR/, "CUUSD"),
};

function isResult(bytes: Uint8Array): boolean {
  const message = messageOf(bytes);
  return message !== undefined && /^<....RS.AK/s.test(message);
}

async function arrange(fault: HostFault, wire: TerminalWire): Promise<void> {
  const spoil = SPOILT[fault];
  if (spoil !== undefined) wire.toBoard = spoil;
  if (fault === "request-lost") wire.toTerminal = (bytes) => (isPayment(bytes) ? [] : [{ bytes }]);
  if (fault === "refused") wire.pull();
  if (fault !== "reset") return;
  wire.toTerminal = (bytes) => {
    if (isPayment(bytes)) wire.pull();
    return [{ bytes }];
  };
}

function isPayment(bytes: Uint8Array): boolean {
  return /^>....PA/.test(messageOf(bytes) ?? "");
}

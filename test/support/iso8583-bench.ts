// The ISO 8583 host and the acquirer simulator in one virtual world, as a bench of the PaymentHost contract.

import { DE } from "../../hal/drivers/iso8583-fields.ts";
import { type Iso8583Host, openIso8583Terminal } from "../../hal/drivers/iso8583-host.ts";
import { decodeIso8583, encodeIso8583 } from "../../hal/drivers/iso8583-message.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import { type SimProcess, type SimWorld, simWorld } from "../../hal/sim/world.ts";
import { type AcquirerOptions, openAcquirer } from "../../tools/acquirer/acquirer.ts";
import { memoryJournal } from "../../tools/acquirer/journal.ts";
import { type Rule, TEST_RULES } from "../../tools/acquirer/rules.ts";
import type { BookedPayment, HostBench, HostFault } from "../contract/payment-host-bench.ts";
import { type Passage, type VirtualLine, virtualLine } from "./iso8583-line.ts";

export const MERCHANT = {
  terminalId: "TERM0001",
  merchantId: "MERCHANT0000001",
  merchantName: "Harbour chargers",
};
export const SECRET = new Uint8Array(32).fill(0x55);
const KINDS = ["iso-attempt", "iso-open", "iso-charge", "iso-credential", "iso-token", "iso-trace"];

export interface IsoBench extends HostBench {
  host: Iso8583Host;
  world: SimWorld;
  line: VirtualLine;
  disk: SimStore;
  acquirer: ReturnType<typeof openAcquirer>;
  journal: ReturnType<typeof memoryJournal>;
  /** The acquirer dies and starts again on its journal. */
  restartAcquirer(): void;
  /** Called around every commit of the terminal. */
  onCommit: ((phase: "before" | "after") => void) | undefined;
  /** The terminal's process as it is now. */
  process(): SimProcess;
}

export const ISO_FAULTS: readonly HostFault[] = [
  ...(["request-lost", "answer-lost", "answer-late", "answer-twice", "refused", "reset"] as const),
  ...(["server-error", "malformed", "huge", "wrong-id", "wrong-amount", "wrong-currency"] as const),
];

const CARD_OF: Partial<Record<HostFault, string>> = {
  "request-lost": TEST_CARDS["request-lost"],
  "answer-lost": TEST_CARDS["no-answer"],
  "answer-late": TEST_CARDS["answer-late"],
  "answer-twice": TEST_CARDS["answer-twice"],
};

export async function openIsoBench(
  options: { seed?: number; repeats?: "same"; acquirer?: Partial<AcquirerOptions> } = {},
): Promise<IsoBench> {
  const world = simWorld({ seed: options.seed ?? 1 });
  const journal = memoryJournal();
  const late = TEST_RULES.map((rule): Rule => {
    return rule.effect === "late" ? { ...rule, delayMs: 8_000 } : rule;
  });
  const rules: Rule[] = [...late];
  const newAcquirer = () =>
    openAcquirer({ clock: world.clock, journal, rules, ...options.acquirer });
  const bench = { acquirer: newAcquirer() };
  const hooks: { onCommit: IsoBench["onCommit"] } = { onCommit: undefined };
  const line = virtualLine(bench.acquirer, world.clock);
  const disk = simStore({ onCommit: (phase) => hooks.onCommit?.(phase) });
  const crypto = openNodeCrypto();
  let process = world.process();
  const open = () =>
    openIso8583Terminal({
      ...{ ...MERCHANT, crypto, secretKey: SECRET, simulated: true, answerMs: 5_000 },
      ...{ clock: process.clock, line: line.open(process.clock), store: disk.reopen() },
      ...(options.repeats !== undefined && { repeats: options.repeats }),
    });
  const host = await open();
  const whole: IsoBench = {
    ...{ host, crypto, world, line, disk, journal, acquirer: bench.acquirer },
    cards: TEST_CARDS,
    process: () => process,
    get onCommit() {
      return hooks.onCommit;
    },
    set onCommit(hook) {
      hooks.onCommit = hook;
    },
    books: async () => booksOf(whole),
    arrange: async (fault) => {
      arrange(fault, line);
      if (fault === "server-error") rules.unshift({ on: "authorise", nth: 1, effect: "busy" });
      if (fault === "server-error") whole.restartAcquirer();
      return CARD_OF[fault] ?? TEST_CARDS.approve;
    },
    heal: async () => {
      line.toAcquirer = (bytes) => [{ bytes }];
      line.toTerminal = (bytes) => [{ bytes }];
      line.restore();
    },
    restart: async () => {
      process.kill();
      process = world.process();
      whole.host = await open();
      return whole.host;
    },
    restartAcquirer: () => {
      whole.acquirer = newAcquirer();
      line.replace(whole.acquirer);
    },
    settle: async (call) => {
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
    dispose: async () => whole.host.close(),
  };
  return whole;
}

function booksOf({ acquirer }: IsoBench): ReadonlyMap<string, BookedPayment> {
  return new Map(
    acquirer.books.payments().map((payment) => {
      const { reference, authorisedMinor, capturedMinor, refundedMinor } = payment;
      const { returnedMinor, reversed } = payment;
      const back = refundedMinor + returnedMinor;
      return [reference, { authorisedMinor, capturedMinor, refundedMinor: back, reversed }];
    }),
  );
}

/** An answer with other elements. */
export function changed(
  bytes: Uint8Array,
  change: (fields: Map<number, string>) => void,
): Uint8Array {
  const read = decodeIso8583(bytes);
  if (!read.ok) throw new Error(read.why);
  const fields = new Map(read.message.fields);
  change(fields);
  return encodeIso8583(read.message.type, fields);
}

const SPOILT: Partial<Record<HostFault, Passage>> = {
  malformed: (bytes) => [{ bytes: bytes.subarray(0, bytes.length - 1) }],
  huge: () => [{ bytes: new Uint8Array(5_000).fill(0x30) }],
  "wrong-id": (bytes) => [
    { bytes: changed(bytes, (fields) => fields.set(DE.reference, "632600000099")) },
  ],
  "wrong-amount": (bytes) => [{ bytes: changed(bytes, (fields) => fields.set(DE.amount, "1001")) }],
  "wrong-currency": (bytes) => [
    { bytes: changed(bytes, (fields) => fields.set(DE.currency, "840")) },
  ],
};

function arrange(fault: HostFault, line: VirtualLine): void {
  const spoil = SPOILT[fault];
  if (spoil !== undefined) line.toTerminal = spoil;
  if (fault === "refused") line.cut();
  if (fault !== "reset") return;
  line.toTerminal = () => {
    line.cut();
    return [];
  };
}

// Seeded trouble on the line to a card terminal, in every state of a payment: no hang, no double charge, and how long
// it takes until the next payment goes through.

import { afterAll, expect, test } from "vitest";
import type { HostAnswer } from "../../../hal/payment-host.ts";
import { type Random, seededRandom } from "../../../hal/sim/random.ts";
import { insist } from "../../contract/payment-host-bench.ts";
import { booked } from "../../contract/payment-host-money.ts";
import {
  openTerminalBench,
  PASS,
  type Passage,
  type TerminalBench,
} from "../../support/terminal-bench.ts";

const BINDING = { offer: new Uint8Array(16), amountMinor: 1_000, currency: "EUR" };
const STATES = ["idle", "asked", "card", "decided", "capture"] as const;
type State = (typeof STATES)[number];
const RECOVERED_MS = 15_000;
const SEEDS = [1, 2, 3, 4];

interface Trouble {
  /** How long it lasts. */
  lastsMs: number;
  begin(bench: TerminalBench, random: Random): void;
}

function flipped(random: Random): Passage {
  return (bytes) => {
    const spoilt = bytes.slice();
    const flips = 1 + random.below(4);
    for (let n = 0; n < flips; n++) {
      const at = random.below(spoilt.length);
      spoilt[at] = (spoilt[at] ?? 0) ^ (1 << random.below(8));
    }
    return [{ bytes: spoilt }];
  };
}

function cut(random: Random): Passage {
  return (bytes) => [{ bytes: bytes.subarray(0, random.below(bytes.length)) }];
}

/** Two writes come as one, and late. */
function joined(): Passage {
  let held: Uint8Array | undefined;
  return (bytes) => {
    if (held === undefined) {
      held = bytes;
      return [];
    }
    const both = Uint8Array.of(...held, ...bytes);
    held = undefined;
    return [{ bytes: both }];
  };
}

function garbage(bench: TerminalBench, random: Random): void {
  const endMs = bench.world.nowMs() + 60_000;
  const more = (): void => {
    if (bench.world.nowMs() > endMs) return;
    // What could be taken for something is more likely than chance would have it.
    const bytes = Uint8Array.from({ length: 40 }, () => {
      return random.chance(200_000) ? ([2, 3, 6, 21, 28][random.below(5)] ?? 0) : random.below(256);
    });
    for (const side of ["board", "terminal"] as const) bench.wire.inject(side, bytes);
    bench.world.after(50, more);
  };
  more();
}

const both = (bench: TerminalBench, passage: () => Passage): void => {
  bench.wire.toTerminal = passage();
  bench.wire.toBoard = passage();
};

const TROUBLES: Readonly<Record<string, Trouble>> = {
  "bit flips": { lastsMs: 15_000, begin: (bench, random) => both(bench, () => flipped(random)) },
  "cut frames": { lastsMs: 15_000, begin: (bench, random) => both(bench, () => cut(random)) },
  "joined frames": { lastsMs: 15_000, begin: (bench) => both(bench, joined) },
  echoes: {
    lastsMs: 15_000,
    begin: ({ wire }) => {
      wire.echoes = true;
    },
  },
  "10 s silence": { lastsMs: 10_000, begin: (bench) => both(bench, () => () => []) },
  "garbage for a minute": { lastsMs: 60_000, begin: garbage },
  unplugged: { lastsMs: 3_000, begin: ({ wire }) => wire.pull() },
  "terminal starts again": {
    lastsMs: 9_000,
    begin: ({ terminal }) => void terminal.reboot(),
  },
};

/** Brings a first payment into a state; its answer, where it has been asked for. */
async function bringTo(bench: TerminalBench, state: State): Promise<void> {
  const { host, terminal, world } = bench;
  if (state === "idle") return;
  void host.authorise("0000000000000001/1/authorise", { kind: "present" }, BINDING);
  if (state === "asked") return;
  await world.runFor(1_000);
  if (state === "card") return;
  terminal.present("visa-test");
  await world.runFor(state === "decided" ? 1_499 : 3_000);
  if (state === "decided") return;
  const [reference = ""] = (await bench.books()).keys();
  const amount = { amountMinor: 700, currency: "EUR" };
  void host.capture("0000000000000001/1/capture", reference, amount, new Uint8Array(16));
}

/** As the payment application does: it goes on asking until it knows. */
async function settleFirst(bench: TerminalBench, state: State): Promise<HostAnswer> {
  const { host } = bench;
  const attempt = "0000000000000001/1/authorise";
  bench.terminal.present("visa-test");
  const answer = await insist(bench, () => host.authorise(attempt, { kind: "present" }, BINDING));
  if (state !== "capture" || answer.kind !== "approved") return answer;
  const amount = { amountMinor: 700, currency: "EUR" };
  return insist(bench, () =>
    host.capture("0000000000000001/1/capture", answer.reference, amount, new Uint8Array(16)),
  );
}

const slowest = new Map<string, number>();

test.each(Object.keys(TROUBLES).flatMap((name) => STATES.map((state) => [name, state] as const)))(
  "I2: %s while the terminal is in the state %s",
  async (name, state) => {
    const trouble = TROUBLES[name];
    if (trouble === undefined) return;
    for (const seed of SEEDS) {
      const bench = await openTerminalBench(seed);
      const random = seededRandom(seed, `${name} ${state}`);
      await bringTo(bench, state);
      await bench.world.runFor(random.below(31));
      trouble.begin(bench, random);
      await bench.world.runFor(trouble.lastsMs);
      bench.wire.toTerminal = PASS;
      bench.wire.toBoard = PASS;
      bench.wire.echoes = false;
      bench.wire.plugIn();
      const atMs = bench.world.nowMs();
      await bench.world.runWhile(() => bench.host.trouble?.() !== undefined, 60_000);
      expect(bench.host.trouble?.()).toBeUndefined();
      expect(bench.world.nowMs() - atMs).toBeLessThan(RECOVERED_MS);
      slowest.set(name, Math.max(slowest.get(name) ?? 0, bench.world.nowMs() - atMs));
      const answer = await settleFirst(bench, state);
      const { payments, authorisedMinor, capturedMinor } = await booked(bench);
      // Either it was charged, once, or it was not, and both sides know which.
      const isCharged = answer.kind === "approved";
      expect([payments, authorisedMinor]).toEqual(isCharged ? [1, 1_000] : [0, 0]);
      if (state === "capture") expect(capturedMinor).toBe(isCharged ? 700 : 0);
      bench.terminal.takeAway();
      const next = bench.host.authorise(
        "0000000000000002/1/authorise",
        { kind: "present" },
        BINDING,
      );
      bench.terminal.present("visa-test");
      expect(await bench.settle(next)).toMatchObject({ kind: "approved", amountMinor: 1_000 });
      await bench.dispose();
    }
  },
  60_000,
);

afterAll(() => {
  const lines = [...slowest].map(([name, ms]) => `  ${name.padEnd(24)} ${Math.round(ms)} ms`);
  console.log(["terminal ready again after the trouble, the slowest:", ...lines].join("\n"));
});

// A dispute over an order: honest logs name nobody, whatever was lost on the way, and every single breach that is
// planted is found and named with the party that did it, and with nobody else.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Finding, Judgement } from "../../tools/dispute-finding.ts";
import { type DisputeLog, logText, readLog } from "../../tools/dispute-log.ts";
import { trueProofs } from "../../tools/dispute-proofs.ts";
import { judge } from "../../tools/dispute-rules.ts";
import { FALSE_LINK, PLANTED, streamedOf } from "../support/dispute-breaches.ts";
import {
  chainOf,
  commitmentOf,
  type Draft,
  honest,
  logsOf,
  offerOf,
  type Plan,
  sessionsOf,
  signedCommitment,
} from "../support/dispute-pair.ts";
import { crypto, story, value } from "../support/sale.ts";

const OPERATORS = [story.keys.operator.publicKey];
type Logs = ReturnType<typeof logsOf>;

const sessions = fc.array(
  fc.record({
    pulses: fc.nat(60),
    runOn: fc.nat(2),
    lost: fc.array(fc.boolean(), { maxLength: 8 }),
    lostLast: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);
const plans: fc.Arbitrary<Plan> = fc.record({
  units: fc.integer({ min: 2, max: 24 }),
  ratio: fc.constantFrom(
    { numerator: 10, denominator: 1 },
    { numerator: 3, denominator: 1 },
    { numerator: 1, denominator: 1 },
  ),
  step: fc.integer({ min: 1, max: 4 }),
  window: fc.nat(3),
  sessions,
  settled: fc.boolean(),
  ownMeter: fc.boolean(),
  unheard: fc.nat(1),
  lag: fc.nat(3),
});

function judged({ consumer, device }: Logs): Judgement {
  return value(judge([device, consumer], OPERATORS, crypto));
}

function brokenOf({ findings }: Judgement): Finding[] {
  return findings.filter(({ is }) => is === "broken");
}

test("honest logs name nobody, over lost proofs, lost receipts, crashes, and any number of sessions", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const { verdict, findings } = judged(logsOf(plan, honest(plan)));
      expect(findings.filter(({ is }) => is !== "noted")).toEqual([]);
      expect(verdict).toBe("kept");
    }),
  );
});

/** Long enough for every breach: three sessions, something proved, settled. */
const longPlans = plans.map((plan): Plan => {
  const [first, ...rest] = plan.sessions;
  const { step, window } = plan;
  const session = { pulses: 20, runOn: 1, lost: [], lostLast: false, ...first };
  const started = { ...session, pulses: 20 + session.pulses, lost: [] };
  const units = step + window + 2 + plan.units;
  return { ...plan, units, settled: true, sessions: [started, session, ...rest] };
});

describe("a breach that is planted is found, and nobody else is named", () => {
  test.each(PLANTED)(
    "$rule, $party: $name",
    ({ rule, party, draft: spoil, logs: tamper, also }) => {
      fc.assert(
        fc.property(longPlans, (plan) => {
          const draft = honest(plan);
          spoil?.(draft, plan);
          const logs = logsOf(plan, draft);
          tamper?.(logs, draft, plan);
          const judgement = judged(logs);
          const found = brokenOf(judgement);
          expect(judgement.verdict).toBe("broken");
          expect(found.map((one) => one.rule)).toContain(rule);
          for (const one of found) {
            expect(one.party).toBe(party);
            expect([rule, ...(also ?? [])]).toContain(one.rule);
          }
        }),
        { numRuns: 30 },
      );
    },
  );
});

const PLAN: Plan = {
  units: 10,
  ratio: { numerator: 10, denominator: 1 },
  ...{ step: 1, window: 1, settled: true, ownMeter: false, unheard: 0, lag: 0 },
  sessions: [
    { pulses: 25, runOn: 1, lost: [], lostLast: true },
    { pulses: 30, runOn: 0, lost: [], lostLast: false },
  ],
};

describe("what cannot be told from the logs is said to be so", () => {
  test.each<[string, string, (logs: Logs, draft: Draft) => void]>([
    [
      "D10",
      "which of two meters",
      ({ consumer }, { delivered }) =>
        Object.assign(consumer, { counts: [{ pulses: Math.floor(delivered * 0.9), own: true }] }),
    ],
    [
      "D3",
      "two commitments by two keys",
      ({ consumer }, { commitment }) => {
        const key = new Uint8Array(32).fill(8);
        Object.assign(consumer, { commitment: signedCommitment(commitment, key) });
      },
    ],
    [
      "D3",
      "only one log has a commitment",
      ({ consumer }) => delete (consumer as Loose).commitment,
    ],
    ["D3", "the other log has it", ({ device }) => delete (device as Loose).commitment],
    [
      "D3",
      "neither has it",
      ({ consumer, device }) => {
        delete (consumer as Loose).commitment;
        delete (device as Loose).commitment;
      },
    ],
    [
      "D9",
      "the consumer was charged more than was settled",
      ({ consumer }) => Object.assign(consumer, { capturedMinor: 10_000 }),
    ],
    [
      "D6",
      "a session's receipt is in neither log",
      ({ consumer, device }) => {
        Object.assign(consumer, { receipts: consumer.receipts.slice(1) });
        Object.assign(device, { receipts: device.receipts.slice(1) });
      },
    ],
  ])("%s: %s", (rule, _, spoil) => {
    const draft = honest(PLAN);
    const logs = logsOf(PLAN, draft);
    spoil(logs, draft);
    const { verdict, findings } = judged(logs);
    expect(verdict).toBe("undecided");
    expect(findings.filter(({ is }) => is === "undecided").map((one) => one.rule)).toEqual([rule]);
  });

  type Loose = { -readonly [K in keyof DisputeLog]?: DisputeLog[K] };
});

describe("what a party took upon itself", () => {
  test("a device that delivers far beyond the window has only itself to blame, and a meter that counts more", () => {
    const draft = honest(PLAN);
    const [first] = sessionsOf(draft.receipts);
    if (first === undefined) throw new Error("there is a session");
    const far = { ...streamedOf(first), unpaidPulses: 40, caughtUpPulses: 0 };
    draft.receipts = [
      {
        ...first,
        ...{ runOnPulses: 41, endReading: first.startReading + first.pulses + 41 },
        breakdown: { lines: [], streamed: far },
      },
    ];
    const logs = logsOf({ ...PLAN, ownMeter: true }, { ...draft, delivered: 10_000 });
    Object.assign(logs.consumer, { proofs: [...(logs.consumer.proofs ?? [])] });
    Object.assign(logs.consumer, { counts: [{ pulses: 80, own: true }] });
    const { verdict, findings } = judged(logs);
    expect(verdict).toBe("kept");
    expect(findings.map(({ rule, is }) => `${rule} ${is}`)).toEqual(["D5 noted", "D10 noted"]);
  });

  test("a consumer whose record lost what he gave is not blamed for that, nor one who does not believe the device", () => {
    const plan = { ...PLAN, lag: 2 };
    const draft = honest(plan);
    const lost = judged(logsOf(plan, draft));
    expect(lost.findings).toMatchObject([{ rule: "D4", is: "noted" }]);
    const logs = logsOf(PLAN, honest(PLAN));
    const own = { pulses: draft.delivered, own: true };
    Object.assign(logs.consumer, { counts: [{ pulses: 100 }, own] });
    expect(judged(logs).verdict).toBe("kept");
  });
});

test("an order that was paid in one piece is judged by its receipts alone", () => {
  const draft = honest(PLAN);
  const { consumer, device } = logsOf(PLAN, draft);
  const { commitment: _, proofs: __, counts: ___, ...plain } = consumer;
  const bare = { ...plain, offer: story.signed.offer };
  const receipts = [story.signed["session receipt"], story.signed["settlement receipt"]];
  const kept = { consumer: { ...bare, receipts }, device: { ...bare, receipts } } as Logs;
  Object.assign(kept.device, { role: "device" });
  expect(judged(kept)).toMatchObject({ verdict: "kept", findings: [] });
  expect(device.role).toBe("device");
});

describe("two logs that are no dispute", () => {
  test("are refused: both of one side, or of two orders", () => {
    const { consumer, device } = logsOf(PLAN, honest(PLAN));
    expect(judge([consumer, consumer], OPERATORS, crypto)).toMatchObject({
      ok: false,
      fault: { kind: "usage" },
    });
    const other = { ...PLAN, units: 11 };
    const draft = honest(other);
    const id = "ffeeddccbbaa0099";
    const offer = { ...offerOf(other), id };
    const strange = logsOf(other, {
      ...draft,
      ...{ offer, deviceOffer: offer, receipts: [], released: 0, proved: 0 },
      commitment: commitmentOf(offer),
    });
    expect(judge([consumer, strange.device], OPERATORS, crypto)).toMatchObject({
      ok: false,
      fault: { kind: "usage" },
    });
    expect(judge([consumer, device], [new Uint8Array(32).fill(3)], crypto)).toMatchObject({
      ok: true,
      value: { verdict: "broken", findings: [{ rule: "D1" }, { rule: "D1" }] },
    });
  });
});

describe("a log as a file", () => {
  test("comes back as it was written", () => {
    const { consumer, device } = logsOf(PLAN, honest(PLAN));
    for (const log of [consumer, device]) expect(value(readLog(logText(log)))).toEqual(log);
  });

  test.each([
    ["no JSON", "{", "malformed"],
    ["no log", "{}", "malformed"],
    [
      "a bundle of receipts",
      logText(logsOf(PLAN, honest(PLAN)).device).replace("log-1", "receipts-1"),
      "version",
    ],
  ])("that is %s is refused", (_, text, kind) => {
    expect(readLog(text)).toMatchObject({ ok: false, fault: { kind } });
  });
});

test("false proofs of one party cost a bounded number of hashes", () => {
  const order = story.offer.id;
  const links = chainOf(order, 200);
  let hashes = 0;
  const digest = (bytes: Uint8Array): Uint8Array => {
    hashes += 1;
    return crypto.digest(bytes);
  };
  const counting = { ...crypto, digest };
  const shown = links.map((link, units) => ({ units, link: units > 100 ? FALSE_LINK : link }));
  const root = links[0] ?? FALSE_LINK;
  expect(trueProofs(counting, order, root, 200, shown).size).toBe(0);
  expect(hashes).toBeLessThanOrEqual(4 * 200);
  const one = shown.filter(({ units }) => units <= 101);
  expect(trueProofs(counting, order, root, 200, one).size).toBe(101);
});

// A dispute names nobody for what the other side did: for bytes that no signature covers, a commitment of another order,
// a meter that runs fast, a record that was lost.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AMOUNT_MINOR_MAX } from "../../firmware/protocol/messages.ts";
import { decodeSign1, encodeSign1 } from "../../firmware/token/sign1.ts";
import { shortDigest } from "../../firmware/token/signed.ts";
import type { Finding, Judgement } from "../../tools/dispute-finding.ts";
import { type DisputeLog, logText, readLog } from "../../tools/dispute-log.ts";
import { judge } from "../../tools/dispute-rules.ts";
import {
  commitmentOf,
  honest,
  logsOf,
  offerOf,
  type Plan,
  signedCommitment,
} from "../support/dispute-pair.ts";
import { crypto, story, value } from "../support/sale.ts";

const PLAN: Plan = {
  units: 10,
  ratio: { numerator: 10, denominator: 1 },
  ...{ step: 1, window: 1, settled: true, ownMeter: false, unheard: 0, lag: 0 },
  sessions: [
    { pulses: 25, runOn: 1, lost: [], lostLast: false },
    { pulses: 30, runOn: 0, lost: [], lostLast: false },
  ],
};
const PAPER_BYTES_MAX = 1024;

type Logs = { consumer: DisputeLog; device: DisputeLog };
type Loose = { -readonly [K in keyof DisputeLog]?: DisputeLog[K] };

function judged({ consumer, device }: Logs): Judgement {
  return value(judge([consumer, device], [story.keys.operator.publicKey], crypto));
}

/** Rule and party of each. */
function brokenBy({ findings }: Judgement): string[] {
  const broken = findings.filter((one): one is Finding => one.is === "broken");
  return broken.map(({ rule, party }) => `${rule} ${party}`);
}

/** The same paper with a word in the header that its signature does not cover. */
function scribbled(signed: Uint8Array): Uint8Array {
  const { payload, signature } = value(decodeSign1(signed, PAPER_BYTES_MAX));
  const externalAad = new Uint8Array();
  return encodeSign1({
    payload,
    sign: () => signature,
    externalAad,
    unprotected: new Map([[99, 1]]),
  });
}

describe("who writes into a header that no signature covers changes nothing", () => {
  test.each<[string, (logs: Logs) => void]>([
    ["offer, consumer", ({ consumer }) => scribble(consumer, ["offer"])],
    ["offer, device", ({ device }) => scribble(device, ["offer"])],
    ["receipts, consumer", ({ consumer }) => scribble(consumer, ["receipts"])],
    ["receipts, device", ({ device }) => scribble(device, ["receipts"])],
    [
      "both of both",
      (logs) => Object.values(logs).map((one) => scribble(one, ["offer", "receipts"])),
    ],
  ])("%s", (_, spoil) => {
    const logs = logsOf(PLAN, honest(PLAN));
    spoil(logs);
    expect(judged(logs)).toMatchObject({ verdict: "kept", findings: [] });
  });

  test("nor does a device that gave the consumer such an offer, to which he committed", () => {
    const draft = honest(PLAN);
    const given = scribbled(logsOf(PLAN, draft).consumer.offer);
    draft.commitment = commitmentOf(draft.offer, { offer: shortDigest(crypto, given) });
    const { consumer, device } = logsOf(PLAN, draft);
    expect(brokenBy(judged({ consumer: { ...consumer, offer: given }, device }))).toEqual([]);
  });

  function scribble(log: DisputeLog, parts: readonly ("offer" | "receipts")[]): void {
    for (const part of parts) {
      const of = log[part];
      Object.assign(log, { [part]: of instanceof Uint8Array ? scribbled(of) : of.map(scribbled) });
    }
  }
});

describe("a commitment of another order names whoever shows it", () => {
  const other = signedCommitment(commitmentOf({ ...offerOf(PLAN), id: "ffeeddccbbaa0099" }));

  test.each(["consumer", "device"] as const)("the %s", (party) => {
    const logs = logsOf(PLAN, honest(PLAN));
    Object.assign(logs[party], { commitment: other });
    expect(brokenBy(judged(logs))).toEqual([`D1 ${party}`]);
  });

  test("the device, where the consumer has none", () => {
    const logs = logsOf(PLAN, honest(PLAN));
    Object.assign(logs.device, { commitment: other });
    delete (logs.consumer as Loose).commitment;
    expect(brokenBy(judged(logs))).toEqual(["D1 device"]);
  });
});

test("D3: a device that denies the commitment, and charges as if it was paid in one piece, is not believed", () => {
  const plan = { ...PLAN, sessions: [{ pulses: 100, runOn: 0, lost: [], lostLast: false }] };
  const draft = honest(plan);
  draft.receipts = draft.receipts.map(({ breakdown: _, ...one }) => one as typeof one);
  const logs = logsOf(plan, draft);
  for (const name of ["commitment", "proofs", "step", "window"] as const) {
    delete (logs.device as Loose)[name];
  }
  const { verdict, findings } = judged(logs);
  expect(verdict).toBe("undecided");
  expect(findings).toMatchObject([{ rule: "D3", is: "undecided" }]);
});

describe("D8: a consumer is not blamed", () => {
  const long: Plan = {
    ...{ ...PLAN, units: 40, ownMeter: true, settled: false },
    sessions: [{ pulses: 200, runOn: 0, lost: [], lostLast: false }],
  };

  test("for what his own meter counted, and the device never said that it delivered", () => {
    const logs = logsOf(long, honest(long));
    Object.assign(logs.consumer, { counts: [{ pulses: 230, own: true }] });
    expect(brokenBy(judged(logs))).toEqual([]);
    // The device did say so.
    Object.assign(logs.consumer, { counts: [{ pulses: 230, own: true }, { pulses: 230 }] });
    expect(brokenBy(judged(logs))).toEqual(["D8 consumer"]);
  });

  test("for proofs that his record lost, and the device has", () => {
    const logs = logsOf(long, honest(long));
    Object.assign(logs.consumer, { proofs: [] });
    const { verdict, findings } = judged(logs);
    expect(verdict).toBe("kept");
    expect(findings).toMatchObject([{ rule: "D4", is: "noted" }]);
  });
});

describe("whatever one side does to its own log, the other is not named", () => {
  const other = { ...PLAN, units: 11 };
  const another = honest(other);
  another.offer = { ...another.offer, id: "ffeeddccbbaa0099" };
  another.receipts = another.receipts.map((one) => ({ ...one, order: another.offer.id }));
  const elsewhere = logsOf(other, {
    ...another,
    deviceOffer: another.offer,
    commitment: commitmentOf(another.offer),
  });
  const here = logsOf(PLAN, honest(PLAN));
  const { signed } = story;
  const papers = [
    ...[elsewhere.consumer.offer, elsewhere.device.commitment ?? new Uint8Array(9)],
    ...elsewhere.device.receipts,
    ...[here.consumer.offer, here.device.commitment ?? new Uint8Array(9)],
    ...here.device.receipts,
    ...here.device.receipts.map(scribbled),
    ...[scribbled(here.consumer.offer), signed.certificate, signed.token],
    ...[new Uint8Array([0x84]), new Uint8Array(900)],
  ];
  const paper = fc.constantFrom(...papers);
  const count = fc.nat(4_000_000_000);
  const link = fc.constantFrom(
    ...[...(here.device.proofs ?? []), ...(elsewhere.device.proofs ?? [])].map((one) => one.link),
  );
  const changes: fc.Arbitrary<Partial<DisputeLog>> = fc.record(
    {
      certificate: paper,
      offer: paper,
      commitment: paper,
      receipts: fc.array(paper, { maxLength: 8 }),
      proofs: fc.array(fc.record({ units: fc.nat(65_535), link }), { maxLength: 6 }),
      counts: fc.array(fc.record({ pulses: count, own: fc.boolean() }), { maxLength: 3 }),
      step: fc.nat(1024),
      window: fc.nat(1024),
      capturedMinor: count,
    },
    { requiredKeys: [] },
  );
  const left = fc.subarray(["commitment", "proofs", "counts", "step", "window"] as const);

  test.each(["consumer", "device"] as const)("the %s", (party) => {
    fc.assert(
      fc.property(changes, left, fc.constantFrom("as given", "all"), (change, gone, kept) => {
        const logs = logsOf(PLAN, honest(PLAN));
        // Mostly one change at a time finds more: the first bad paper ends the matter.
        const [first] = Object.entries(change);
        Object.assign(logs[party], kept === "all" ? change : first && { [first[0]]: first[1] });
        for (const name of gone) delete (logs[party] as Loose)[name];
        const read = readLog(logText(logs[party]));
        if (!read.ok) return;
        const judgement = judge(
          party === "consumer" ? [read.value, logs.device] : [read.value, logs.consumer],
          [story.keys.operator.publicKey],
          crypto,
        );
        if (!judgement.ok) return;
        expect(brokenBy(judgement.value).filter((one) => !one.endsWith(party))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

test("I11: receipts that a device signs with any figures are judged, and name nobody else", () => {
  const pulses = fc.oneof(fc.nat(120), fc.nat(4_000_000_000));
  const minor = fc.oneof(fc.nat(400), fc.nat(AMOUNT_MINOR_MAX));
  const figures = fc.record(
    {
      ...{ pulses, runOnPulses: pulses, startReading: pulses, endReading: pulses },
      ...{ amountMinor: minor, capturedMinor: minor, refundedMinor: minor, owedMinor: minor },
      ...{ milliUnits: pulses, session: fc.nat(65_535), sessions: fc.nat(65_535) },
    },
    { requiredKeys: [] },
  );
  const streamed = fc.record({
    proof: fc.record({ units: fc.nat(65_535), link: fc.constant(new Uint8Array(16)) }),
    ...{ unpaidPulses: pulses, caughtUpPulses: pulses },
  });
  const ratio = fc.record({
    numerator: fc.integer({ min: 1, max: 300 }),
    denominator: fc.nat(300),
  });
  const spoilt = fc.array(fc.tuple(figures, fc.option(streamed)), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(spoilt, ratio, (changes, { numerator, denominator }) => {
      const plan = { ...PLAN, ratio: { numerator, denominator: denominator + 1 } };
      const draft = honest(plan);
      draft.receipts = draft.receipts.map((one, i) => {
        const [change = {}, stream] = changes[i] ?? [];
        const breakdown = stream && { lines: [], streamed: stream };
        return { ...one, ...change, ...(breakdown && { breakdown }) } as typeof one;
      });
      const blamed = brokenBy(judged(logsOf(plan, draft)));
      expect(blamed.filter((one) => !one.endsWith("device"))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

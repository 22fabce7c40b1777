// The PaymentHost contract, fourth part, for hosts that check claims: of what is bound to a payer's commitment no more is
// taken than his proofs pay for, whatever the seller says.

import { describe, expect, test } from "vitest";
import { encodeClaim } from "../../firmware/token/claim.ts";
import {
  type Commitment,
  commitmentSigner,
  signCommitment,
} from "../../firmware/token/commitment.ts";
import { lastLink } from "../../firmware/token/hash-chain.ts";
import { PebbledChain } from "../../firmware/token/pebbled-chain.ts";
import { shortDigest } from "../../firmware/token/signed.ts";
import type { HostAnswer } from "../../hal/payment-host.ts";
import type { HostBench, Using } from "./payment-host-bench.ts";
import { booked, referenceOf, why } from "./payment-host-money.ts";
import { CURRENCY, order, PAYER_SECRET, paying, type Sealing } from "./payment-host-payer.ts";

const UNITS = 10;
const UNIT_MINOR = 100;
const FIRST = `${order(1)}/1`;

/** What a payer signs and lets go of: ten units at 1.00, all that his card is sealed for. */
interface Stream {
  commitment: Uint8Array;
  digest: Uint8Array;
  link(units: number): Uint8Array;
  claim(units: number): Uint8Array;
}

function streamOf(
  { crypto }: HostBench,
  { secret = PAYER_SECRET, number = 1 }: { secret?: Uint8Array; number?: number } = {},
  change: Partial<Commitment> = {},
): Stream {
  const last = lastLink(crypto, secret, order(number));
  const links = () => new PebbledChain(crypto, order(number), UNITS, last);
  const said = {
    ...{ order: order(number), expiresS: 4_000_000_000, units: UNITS, unitMinor: UNIT_MINOR },
    ...{ currency: CURRENCY, device: new Uint8Array(8).fill(1), offer: new Uint8Array(16).fill(2) },
    ...{ root: links().current.link, ...change },
  };
  const commitment = signCommitment(said, commitmentSigner(crypto, secret));
  const link = (units: number) => links().advance(units).link;
  return {
    ...{ commitment, link, digest: shortDigest(crypto, commitment) },
    claim: (units) => encodeClaim({ commitment, proof: { units, link: link(units) } }),
  };
}

async function hold(
  bench: HostBench,
  stream: Stream,
  { amountMinor, key = FIRST, ...sealing }: Sealing & { key?: string } = {},
): Promise<string> {
  const pay = paying(bench, { ...sealing, stream: stream.digest });
  const attempt = `${key}/authorise`;
  return referenceOf(await bench.settle(bench.host.authorise(attempt, ...pay, amountMinor)));
}

function take(
  bench: HostBench,
  reference: string,
  amountMinor: number,
  evidence: Uint8Array,
  key = FIRST,
): Promise<HostAnswer> {
  const amount = { amountMinor, currency: CURRENCY };
  return bench.settle(bench.host.capture(`${key}/capture`, reference, amount, evidence));
}

/** Whether the host checks them is said beforehand, because tests are named before a bench is open. */
export function describeClaims(using: Using, areChecked: boolean): void {
  const claiming: Claiming = (name, use) => {
    test(name, () => using(use));
  };
  describe("claims", () => {
    test("are checked", ({ skip }) =>
      using(async ({ host }) => {
        expect(host.checksClaims === true).toBe(areChecked);
        skip(!areChecked, "the host keeps the evidence unread");
      }));
    if (!areChecked) return;
    describeWorth(claiming);
    describeAttacks(claiming);
  });
}

type Claiming = (name: string, use: (bench: HostBench) => Promise<void>) => void;

function describeWorth(claiming: Claiming): void {
  claiming("a claim takes what its units cost, and the rest is released", async (bench) => {
    const stream = streamOf(bench);
    const reference = await hold(bench, stream);
    const taken = await take(bench, reference, 700, stream.claim(7));
    expect(taken).toMatchObject({ kind: "approved", amountMinor: 700 });
    expect(await take(bench, reference, 700, stream.claim(7))).toEqual(taken);
    expect(await booked(bench)).toMatchObject({ capturedMinor: 700, held: 0 });
  });

  claiming("less may be taken than it is worth: a unit that was only begun", async (bench) => {
    const stream = streamOf(bench);
    const reference = await hold(bench, stream);
    expect(why(await take(bench, reference, 642, stream.claim(7)))).toBe("approved");
  });

  claiming(
    "it divides over several holds, and all of them together take its worth",
    async (bench) => {
      const stream = streamOf(bench);
      const one = await hold(bench, stream, { amountMinor: 400 });
      const two = await hold(bench, stream, { amountMinor: 600, key: `${order(1)}/2` });
      expect(why(await take(bench, one, 280, stream.claim(7)))).toBe("approved");
      const rest = await take(bench, two, 420, stream.claim(7), `${order(1)}/2`);
      expect(rest).toMatchObject({ kind: "approved", amountMinor: 420 });
      expect(await booked(bench)).toMatchObject({ capturedMinor: 700 });
    },
  );

  claiming("a token of the credential is bound as the credential was", async (bench) => {
    const stream = streamOf(bench);
    const [credential, binding] = paying(bench, { stream: stream.digest });
    const made = await bench.settle(bench.host.tokenise(`${FIRST}/t`, credential, binding));
    const hex = referenceOf(made).match(/../g) ?? [];
    const token = Uint8Array.from(hex, (digits) => Number.parseInt(digits, 16));
    const payerKey = bench.crypto.boxPublicKey(PAYER_SECRET);
    const pay = [{ kind: "token", payerKey, token }, binding] as const;
    const held = await bench.settle(bench.host.authorise(`${FIRST}/authorise`, ...pay));
    const reference = referenceOf(held);
    expect(why(await take(bench, reference, 700, stream.claim(6)))).toBe("claim");
    const again = await take(bench, reference, 600, stream.claim(6), `${order(1)}/2`);
    expect(why(again)).toBe("approved");
  });

  claiming("after a restart a claim is worth what it was, less what was taken", async (bench) => {
    const stream = streamOf(bench);
    const one = await hold(bench, stream, { amountMinor: 400 });
    const two = await hold(bench, stream, { amountMinor: 600, key: `${order(1)}/2` });
    expect(why(await take(bench, one, 400, stream.claim(7)))).toBe("approved");
    const host = await bench.restart();
    const more = (key: string, amountMinor: number) =>
      bench.settle(host.capture(key, two, { amountMinor, currency: CURRENCY }, stream.claim(7)));
    expect(why(await more(`${order(1)}/2/capture`, 301))).toBe("claim");
    expect(why(await more(`${order(1)}/3/capture`, 300))).toBe("approved");
  });

  claiming("what was undone may be taken anew", async (bench) => {
    const stream = streamOf(bench);
    const one = await hold(bench, stream, { amountMinor: 400 });
    expect(why(await take(bench, one, 400, stream.claim(4)))).toBe("approved");
    for (const step of ["authorise", "capture"]) {
      const undone = bench.host.reverse(`${FIRST}/reverse-${step}`, `${FIRST}/${step}`);
      expect(why(await bench.settle(undone))).toBe("approved");
    }
    const two = await hold(bench, stream, { key: `${order(1)}/2` });
    expect(why(await take(bench, two, 401, stream.claim(4), `${order(1)}/2`))).toBe("claim");
    expect(why(await take(bench, two, 400, stream.claim(4), `${order(1)}/3`))).toBe("approved");
    expect(await booked(bench)).toMatchObject({ capturedMinor: 800, refundedMinor: 400 });
  });
}

function describeAttacks(claiming: Claiming): void {
  /** Each is refused, nothing is taken, and the true claim is good afterwards. */
  const refused = (
    name: string,
    attack: (bench: HostBench, stream: Stream) => readonly (readonly [number, Uint8Array])[],
  ): void =>
    claiming(`I2: ${name} takes nothing`, async (bench) => {
      const stream = streamOf(bench);
      const reference = await hold(bench, stream);
      for (const [index, [amountMinor, evidence]] of attack(bench, stream).entries()) {
        const answer = await take(bench, reference, amountMinor, evidence, `${FIRST}/${index}`);
        expect([index, why(answer)]).toEqual([index, "claim"]);
      }
      expect(await booked(bench)).toMatchObject({ capturedMinor: 0, held: 1_000 });
      const honest = await take(bench, reference, 700, stream.claim(7));
      expect(honest).toMatchObject({ kind: "approved", amountMinor: 700 });
    });

  refused("a seller without a claim", (_, { commitment }) => [
    [1, new Uint8Array()],
    [1, new Uint8Array(16).fill(2)],
    [1, commitment],
    [700, new Uint8Array(4_000).fill(0x82)],
  ]);

  refused("a seller who claims more than the last proof pays for", (_, stream) => {
    const { commitment } = stream;
    const claims = (units: number, link: Uint8Array) =>
      encodeClaim({ commitment, proof: { units, link } });
    return [
      [701, stream.claim(7)],
      [1_000, stream.claim(7)],
      [1, stream.claim(0)],
      [800, claims(8, stream.link(7))],
      [1_000, claims(10, stream.link(7))],
      [1_000, claims(10, new Uint8Array(16))],
      [1_000, claims(11, stream.link(10))],
    ];
  });

  refused("the chain of another order of the same payer", (bench, { commitment }) => {
    const other = streamOf(bench, { number: 2 });
    return [
      [700, other.claim(10)],
      [700, encodeClaim({ commitment, proof: { units: 7, link: other.link(7) } })],
    ];
  });

  refused("the commitment of another payer", (bench, stream) => {
    const secret = new Uint8Array(32).fill(9);
    const other = streamOf(bench, { secret });
    return [
      [700, other.claim(10)],
      // Another's signature over this payer's chain, and the payer's own over other words.
      [700, streamOf(bench, { secret }, { root: stream.link(0) }).claim(7)],
      [700, streamOf(bench, {}, { unitMinor: 1_000 }).claim(7)],
    ];
  });

  claiming("I2: a claim shown twice takes its worth once", async (bench) => {
    const stream = streamOf(bench);
    const one = await hold(bench, stream, { amountMinor: 400 });
    const two = await hold(bench, stream, { amountMinor: 600, key: `${order(1)}/2` });
    // Another card of the same payer, sealed for the same commitment.
    const three = await hold(bench, stream, { nonce: 2, key: `${order(1)}/3` });
    expect(why(await take(bench, one, 400, stream.claim(7)))).toBe("approved");
    expect(why(await take(bench, one, 300, stream.claim(7), `${order(1)}/4`))).toBe("amount");
    expect(why(await take(bench, two, 301, stream.claim(7), `${order(1)}/5`))).toBe("claim");
    expect(why(await take(bench, two, 300, stream.claim(7), `${order(1)}/6`))).toBe("approved");
    expect(why(await take(bench, three, 1, stream.claim(7), `${order(1)}/7`))).toBe("claim");
    expect(await booked(bench)).toMatchObject({ capturedMinor: 700 });
  });

  claiming("I2: claims shown at the same time take their worth once", async (bench) => {
    const stream = streamOf(bench);
    const holds: string[] = [];
    for (const part of [1, 2, 3]) {
      const sealing = { nonce: part, key: `${order(1)}/${part}` };
      holds.push(await hold(bench, stream, sealing));
    }
    const calls = holds.map((reference, part) =>
      bench.host.capture(
        `${order(1)}/${part + 1}/capture`,
        reference,
        { amountMinor: 400, currency: CURRENCY },
        stream.claim(7),
      ),
    );
    const answers = (await bench.settle(Promise.all(calls))).map(why);
    expect(answers.sort()).toEqual(["approved", "claim", "claim"]);
  });

  claiming("a commitment in another currency takes nothing", async (bench) => {
    const stream = streamOf(bench, {}, { currency: "USD" });
    const reference = await hold(bench, stream);
    expect(why(await take(bench, reference, 100, stream.claim(7)))).toBe("claim");
  });

  claiming("what is bound to an offer is taken as ever, whatever the evidence", async (bench) => {
    const stream = streamOf(bench);
    const pay = paying(bench, { offer: 1 });
    const held = await bench.settle(bench.host.authorise(`${FIRST}/authorise`, ...pay));
    const reference = referenceOf(held);
    expect(why(await take(bench, reference, 900, stream.claim(1)))).toBe("approved");
  });
}

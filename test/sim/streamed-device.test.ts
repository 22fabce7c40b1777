// The device's side of orders that are paid while they are delivered: whole sales with a payer who knows the protocol
// and nothing else, in virtual time.

import { describe, expect, test } from "vitest";
import { durableOrders, SOCKET_1, violations } from "../../bench/invariants.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { MessageOf } from "../../firmware/protocol/messages.ts";
import type { Commitment } from "../../firmware/token/commitment.ts";
import type { SessionReceipt } from "../../firmware/token/receipt.ts";
import { sleep } from "../../hal/clock.ts";
import { fineCharger } from "./fine-charger.ts";
import { smallCharger } from "./power-cuts.ts";
import { RawPayer, STREAMED } from "./stream-payer-stand.ts";
import { streamSale, streamViolations, watchExposure } from "./stream-sale.ts";

/** Pulses of a unit on the small charger, and the price of one. */
const PER_UNIT = 60;
const PRICE = 45;
const RUN_ON = 3;
const EXPECTED = { ...SOCKET_1, quantumPulses: 40, runOnPulsesMax: RUN_ON };

interface Stand {
  site: Site;
  payer: RawPayer;
  /** Filled while the story goes on. */
  exposed: readonly string[];
}

async function stand(options: Partial<SiteOptions> = {}): Promise<Stand> {
  const site = new Site({
    seed: 1,
    board: smallCharger(true),
    services: [STREAMED],
    policy: { quantumPulses: 40, loss: "seller" },
    ...options,
  });
  const payer = await site.run(async () => {
    await site.powerOn();
    const opened = await new RawPayer(site, "a").open();
    // The metering loop says what it is about first.
    await sleep(site.world.clock, 1_000);
    return opened;
  });
  if (payer === undefined) throw new Error("the device did not start");
  return { site, payer, exposed: watchExposure(site, payer, RUN_ON) };
}

async function wrongOf({ site, payer, exposed }: Stand): Promise<string[]> {
  const sessions = payer.sessions() as SessionReceipt[];
  return [
    ...(await violations(site, EXPECTED)),
    ...streamViolations(site, sessions),
    ...new Set(exposed),
  ];
}

async function captured({ host }: Site): Promise<number> {
  const charges = [...(await host.charges()).values()];
  return charges.reduce((sum, { capturedMinor }) => sum + capturedMinor, 0);
}

const settled = (payer: RawPayer) => payer.until(() => payer.settlement() !== undefined);
const streamedOf = (receipt: unknown) => (receipt as SessionReceipt).breakdown?.streamed;

describe("I1 I2 I4 I8: a sale that is paid while it is delivered", () => {
  test.each([
    [1, 0],
    [1, 1],
    [2, 0],
    [3, 4],
    [2, 1],
    [8, 0],
  ])("ends on the paid pulse, with proof of every %i units, %i ahead", async (step, window) => {
    const at = await stand();
    const { site, payer } = at;
    expect(await site.run(() => streamSale(payer, { units: 5, step, window }))).toBe(true);
    const [session] = payer.sessions();
    expect(session).toMatchObject({ pulses: 5 * PER_UNIT, reason: "exhausted" });
    const proof = payer.proof(5);
    expect(streamedOf(session)).toEqual({ proof, unpaidPulses: 0, caughtUpPulses: 0 });
    expect(payer.settlement()).toMatchObject({ capturedMinor: 5 * PRICE, amountMinor: 5 * PRICE });
    expect(await captured(site)).toBe(5 * PRICE);
    expect(await wrongOf(at)).toEqual([]);
  });

  test("that is ended within a unit is charged by the pulse, with the proof of that unit", async () => {
    const at = await stand();
    const { site, payer } = at;
    const sale = { units: 4, step: 1, window: 1, endAfterPulses: PER_UNIT + 10 };
    expect(await site.run(() => streamSale(payer, sale))).toBe(true);
    const [session] = payer.sessions() as SessionReceipt[];
    const { pulses = 0 } = session ?? {};
    expect(pulses).toBeGreaterThanOrEqual(PER_UNIT + 10);
    expect(pulses).toBeLessThan(2 * PER_UNIT);
    expect(streamedOf(session)).toMatchObject({ proof: payer.proof(2), unpaidPulses: 0 });
    expect(await captured(site)).toBe(Math.floor((pulses * PRICE) / PER_UNIT));
    expect(await wrongOf(at)).toEqual([]);
  });

  test("in two sessions goes on from the proof of the first", async () => {
    const at = await stand();
    const { site, payer } = at;
    const sale = { units: 4, step: 2, window: 2, unitsPerSession: 3 };
    expect(await site.run(() => streamSale(payer, sale))).toBe(true);
    expect(payer.sessions()).toMatchObject([{ pulses: 3 * PER_UNIT }, { pulses: PER_UNIT }]);
    expect(streamedOf(payer.sessions()[0])?.proof).toEqual(payer.proof(3));
    expect(await captured(site)).toBe(4 * PRICE);
    expect(await wrongOf(at)).toEqual([]);
  });

  test("waits for nothing but the proof: where that is late the flow pauses, and else it does not", async () => {
    const flowMs = (5 * PER_UNIT * 1000) / 40;
    const timed = async (window: number): Promise<{ tookMs: number; closings: number }> => {
      const { site, payer } = await stand();
      let closings = 0;
      site.onClosing = () => {
        closings += 1;
      };
      let tookMs = 0;
      await site.run(async () => {
        await payer.buy(5);
        await payer.get(payer.begin(1, 1, window), "begun");
        tookMs = -site.world.nowMs();
        await payer.until(() => payer.sessions().length === 1);
        tookMs += site.world.nowMs();
      });
      return { tookMs, closings };
    };
    const ahead = await timed(2);
    expect(ahead.closings).toBe(1);
    expect(ahead.tookMs).toBeLessThan(flowMs + 500);
    const behind = await timed(0);
    expect(behind.closings).toBe(5);
    // Each pause is the contact's way there and back, and the proof's.
    expect(behind.tookMs).toBeLessThan(flowMs + 500 + 4 * 200);
  });

  test.each([1, 2, 3, 4, 5, 6])("comes to its end over a bad network, seed %i", async (seed) => {
    const network = {
      lossPerMille: 200,
      duplicationPerMille: 300,
      reorderingPerMille: 300,
      reorderMs: 700,
    };
    const at = await stand({ seed, network });
    const { site, payer } = at;
    const sale = { units: 5, step: 1 + (seed % 2), window: seed % 4 };
    expect(await site.run(() => streamSale(payer, sale))).toBe(true);
    const charged = payer.sessions().reduce((sum, one) => sum + one.pulses, 0);
    expect(payer.settlement()?.pulses).toBe(charged);
    expect(await wrongOf(at)).toEqual([]);
  });
});

describe("a payer who stops proving", () => {
  test("gets no more than the window, and the session ends as late; coming again he catches up", async () => {
    // What may be reserved at once is more than the window.
    const at = await stand({ policy: { quantumPulses: 500, loss: "seller" } });
    const { site, payer } = at;
    await site.run(async () => {
      await payer.buy(5);
      payer.habits.byHand = true;
      await payer.get(payer.begin(1, 1, 2), "begun");
      await payer.until(() => payer.sessions().length === 1);
    });
    expect(payer.sessions()).toMatchObject([{ pulses: 0, amountMinor: 0, reason: "proof-late" }]);
    const proof = { units: 0, link: payer.links[0] };
    const unpaidPulses = 2 * PER_UNIT;
    expect(streamedOf(payer.sessions()[0])).toEqual({ proof, unpaidPulses, caughtUpPulses: 0 });
    const last = payer.heard.at(-1);
    expect(last).toMatchObject({ pulses: 2 * PER_UNIT, held: true, ended: true, proved: 0 });
    expect(durableOrders(site)[0]).toMatchObject({ state: "paid", stream: { unpaidPulses } });
    payer.habits.byHand = false;
    // What was given is due before anything else.
    const begin = payer.begin(2, 1, 2);
    expect(begin.proof).toEqual(payer.proof(2));
    await site.run(async () => {
      await payer.get(begin, "begun");
      await settled(payer);
    });
    expect(payer.sessions()[1]).toMatchObject({ pulses: 5 * PER_UNIT, reason: "exhausted" });
    expect(streamedOf(payer.sessions()[1])).toMatchObject({ caughtUpPulses: 2 * PER_UNIT });
    expect(await captured(site)).toBe(5 * PRICE);
    expect(await wrongOf(at)).toEqual([]);
  });

  test("collects nothing by beginning again and again: what he owes fills the window", async () => {
    const at = await stand();
    const { site, payer } = at;
    await site.run(async () => {
      await payer.buy(8);
      payer.habits.byHand = true;
      await payer.get(payer.begin(1, 1, 2), "begun");
      await payer.until(() => payer.sessions().length === 1);
      const again = payer.begin(2, 1, 2);
      delete again.proof;
      expect(await payer.faultOf(again)).toBe("proof-needed proof");
      // A wider window counts what was given, and so brings no more than the rest of it.
      const wider = payer.begin(2, 1, 4);
      delete wider.proof;
      await payer.get(wider, "begun");
      await payer.until(() => payer.sessions().length === 2);
      const widest = payer.begin(3, 1, 4);
      delete widest.proof;
      expect(await payer.faultOf(widest)).toBe("proof-needed proof");
    });
    const { energy } = site.board.metal.outlet("socket-1").meters;
    expect(energy?.physical).toBeLessThanOrEqual(4 * PER_UNIT + 2 * RUN_ON);
    expect(durableOrders(site)[0]).toMatchObject({ pulses: 0, sessions: 2 });
  });

  test("at the end is waited for two seconds, and no longer", async () => {
    const at = await stand();
    const { site, payer } = at;
    let endedMs = 0;
    let toldMs = 0;
    await site.run(async () => {
      await payer.buy(5);
      await payer.get(payer.begin(1, 1, 2), "begun");
      await payer.until(() => payer.heard.some(({ pulses }) => pulses > PER_UNIT + 20));
      payer.habits.byHand = true;
      payer.habits.onMetering = ({ ended }) => {
        if (ended === true && endedMs === 0) endedMs = site.world.nowMs();
      };
      await payer.get({ is: "end", order: payer.order, session: 1 }, "ending");
      await payer.until(() => payer.sessions().length === 1);
      toldMs = site.world.nowMs();
      await settled(payer);
    });
    expect(payer.heard.filter(({ ended }) => ended).length).toBeGreaterThanOrEqual(4);
    expect(toldMs - endedMs).toBeGreaterThan(1_900);
    expect(toldMs - endedMs).toBeLessThan(2_200);
    expect(payer.sessions()).toMatchObject([{ pulses: PER_UNIT, amountMinor: PRICE }]);
    expect(await captured(site)).toBe(PRICE);
    expect(await wrongOf(at)).toEqual([]);
  });
});

describe("I11: frames from anybody", () => {
  test("that prove nothing change nothing, are not logged, and are counted", async () => {
    const at = await stand();
    const { site, payer } = at;
    const other = new RawPayer(site, "b");
    let lines = 0;
    await site.run(async () => {
      await payer.buy(5);
      payer.habits.byHand = true;
      // Before anything was begun nobody is waited for.
      payer.release(1);
      await sleep(site.world.clock, 50);
      await payer.get(payer.begin(1, 1, 2), "begun");
      lines = site.log.length;
      const { links } = payer;
      // Over another connection, although it is a true link.
      other.links = links;
      other.release(1);
      for (const [units, link] of [
        [1, links[2]],
        [2, links[1]],
        [1, new Uint8Array(16)],
        [4, links[4]],
        [0, links[0]],
        [65_535, links[5]],
      ] as const) {
        payer.release(units, link);
      }
      for (const bytes of [[], [0x80], [0x82, 1], [0x83, 1, 2, 3], [0xff], Array(64).fill(0x82)]) {
        payer.link.publish(`s1/p/${site.device}/${payer.connection}`, new Uint8Array(bytes));
      }
      for (let i = 0; i < 500; i++) payer.release(3, new Uint8Array(16).fill(i));
      await sleep(site.world.clock, 2_000);
    });
    expect(durableOrders(site)[0]?.stream).toMatchObject({ proved: 0, window: 2 });
    expect(site.log.length).toBe(lines);
    expect(site.producer?.status()?.dropped).toBeGreaterThanOrEqual(513);
    // After all of it the true one is heard: it is no further ahead than the next.
    await site.run(async () => {
      payer.release(1);
      await payer.until(() => payer.heard.some(({ proved }) => proved === 1));
    });
    expect(payer.heard.at(-1)).toMatchObject({ proved: 1 });
  });

  test("many proofs cost few commits", async () => {
    let commits = 0;
    const at = await stand({
      services: [{ ...STREAMED, stream: { windowUnitsMax: 64 } }],
      board: fineCharger(),
      cutAt: (place) => {
        if (place === "after commit") commits += 1;
        return false;
      },
    });
    const { site, payer } = at;
    let before = 0;
    let proofs = 0;
    await site.run(async () => {
      await payer.buy(100);
      before = commits;
      const release = payer.release.bind(payer);
      payer.release = (units) => {
        while (proofs < units) release(++proofs);
      };
      await payer.get(payer.begin(1, 1, 32), "begun");
      await settled(payer);
    });
    expect(payer.settlement()).toMatchObject({ capturedMinor: 100 * PRICE });
    expect(proofs).toBe(100);
    // One for each half window, and those of any session.
    expect(commits - before).toBeLessThan(20);
  });
});

describe("I5: before any money moves", () => {
  test("the commitment must be for this very offer", async () => {
    const { site, payer } = await stand();
    await site.run(async () => {
      await payer.select(3);
      const wrong = async (change: Partial<Commitment>) =>
        payer.faultOf(payer.payment(payer.commitment(change)));
      const at = "commitment-invalid commitment";
      expect(await wrong({ order: "0011223344556677" })).toBe(`${at}.order`);
      expect(await wrong({ device: new Uint8Array(8) })).toBe(`${at}.device`);
      expect(await wrong({ offer: new Uint8Array(16) })).toBe(`${at}.offer`);
      expect(await wrong({ units: 2 })).toBe(`${at}.units`);
      expect(await wrong({ units: 4 })).toBe(`${at}.units`);
      expect(await wrong({ unitMinor: PRICE - 1 })).toBe(`${at}.unitMinor`);
      expect(await wrong({ currency: "USD" })).toBe(`${at}.currency`);
      const soonS = Math.floor(site.world.clock.wallMs() / 1000) + 60;
      expect(await wrong({ expiresS: soonS })).toBe(`${at}.expires`);
      const touched = payer.commitment();
      touched.set([(touched.at(-1) ?? 0) ^ 1], touched.length - 1);
      expect(await payer.faultOf(payer.payment(touched))).toContain("signature");
      const more = { ...payer.payment(), maximumMinor: 3 * PRICE + 1 };
      expect(await payer.faultOf(more)).toBe("out-of-range maximumMinor");
      expect(durableOrders(site)).toEqual([]);
      expect(await site.host.charges()).toEqual(new Map());
      // And the right one is taken.
      await payer.get(payer.payment(), "paid");
    });
  });

  test("a session is refused with terms that the service does not allow, or with a proof that is none", async () => {
    const { site, payer } = await stand();
    await site.run(async () => {
      await payer.buy(5);
      const begin = payer.begin(1, 1, 0);
      expect(await payer.faultOf({ ...begin, window: 5 })).toBe("out-of-range window");
      expect(await payer.faultOf({ ...begin, step: 0 })).toBe("out-of-range step");
      const forged = { units: 1, link: new Uint8Array(16) };
      expect(await payer.faultOf({ ...begin, proof: forged })).toBe("commitment-invalid proof");
      const far = { units: 5, link: new Uint8Array(16) };
      expect(await payer.faultOf({ ...begin, proof: far })).toBe("commitment-invalid proof");
      const plain: MessageOf<"begin"> = { is: "begin", order: payer.order, session: 1 };
      expect(await payer.faultOf(plain)).toBe("proof-needed proof");
      await payer.get(begin, "begun");
      const { proved } = await payer.get({ is: "get-order", order: payer.order }, "order");
      expect(proved).toBe(1);
    });
  });

  test("a price list says whether, and how far ahead; a plain order takes no terms of a stream", async () => {
    const { site, payer } = await stand({ services: [STREAMED, { ...ENERGY, id: 2 }] });
    await site.run(async () => {
      const { details } = await payer.get({ is: "get-services" }, "services");
      expect(details).toEqual([{ service: 1, windowMax: 4 }]);
      await payer.select(2, 2);
      expect(await payer.faultOf(payer.payment())).toBe("not-streamed commitment");
      await payer.get(payer.plainPayment(), "paid");
      expect(await payer.faultOf(payer.begin(1, 1, 1))).toBe("not-streamed step");
    });
  });
});

describe("a device that does not stream", () => {
  test("takes no commitment, and asks for no proofs", async () => {
    const services = [{ ...ENERGY, payment: { way: "hold" as const } }];
    const { site, payer } = await stand({ services });
    await site.run(async () => {
      await payer.select(2);
      expect(await payer.faultOf(payer.payment())).toBe("not-streamed commitment");
      payer.release(1);
      await sleep(site.world.clock, 100);
    });
    expect(site.producer?.status()?.dropped).toBe(0);
    expect(await site.host.charges()).toEqual(new Map());
  });
});

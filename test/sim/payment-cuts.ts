// Cuts the power at every store commit and around every message to the payment host, in sales that are paid in each of
// the three ways and in several parts, over a host that loses, repeats and delays; and compares, order by order, what
// the host's settlement report says with what the device's books say. Run by itself it prints one line of JSON:
//
//   node build/test/sim/payment-cuts.js [first [SCENARIO]]               `first` ends with the first violation
//   node build/test/sim/payment-cuts.js SCENARIO NOISE GROUND PLACE      replays one cut and says what happened

import { type Buying, buy, type Outcome } from "../../bench/buyer.ts";
import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { PaymentSideOptions } from "../../firmware/payment/payment-side.ts";
import { seededRandom } from "../../hal/sim/random.ts";
import { settlePromises } from "../../hal/sim/world.ts";
import { NOISES, type Noise, type NoiseOptions, noisyHost, noisyService } from "./host-noise.ts";
import {
  type Account,
  card,
  HOLD,
  newAccount,
  payingService,
  storedValue,
} from "./money-services.ts";
import { type Ground, type GroundName, openGround } from "./payment-grounds.ts";
import { smallCharger } from "./power-cuts.ts";

const DARK_MS = 3_000;
/** By then what was lost on the way has been put again, or given up. */
const AFTERWARDS_MS: Readonly<Record<Noise, number>> = { quiet: 60_000, noisy: 500_000 };
const STORY_MS = 3_600_000;
const POINTS_MINOR = 30;
const SEED = 5;

interface Scenario {
  options(account: Account): Partial<SiteOptions>;
  buying: Partial<Buying>;
  /** On one ground only: the others have no such card. */
  ground?: GroundName;
}

const EARLY: Partial<Buying> = { endAfterPulses: 50 };
const points = (account: Account): Partial<SiteOptions> => {
  const service = payingService("points", "points", POINTS_MINOR, account);
  return { payment: () => ({ services: [service] }) };
};

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  prepaid: { options: () => ({}), buying: EARLY },
  held: { options: () => ({ services: [HOLD] }), buying: EARLY },
  "stored value": { options: storedValue, buying: { account: true, ...EARLY } },
  "points and a card": { options: points, buying: EARLY },
  "points and a hold": {
    options: (account) => ({ ...points(account), services: [HOLD] }),
    buying: EARLY,
  },
  "two cards": {
    options: () => ({}),
    buying: { card: card("partial").number, pay: { further: [card("approve")] }, ...EARLY },
    ground: "simulated",
  },
};

export interface PaymentCut {
  scenario: string;
  noise: Noise;
  ground: GroundName;
  /** The number of the place; 0: none. */
  place: number;
}

interface CutRun {
  places: number;
  name: string;
  wrong: readonly string[];
  log: readonly string[];
}

async function runPaymentCut(cut: PaymentCut): Promise<CutRun> {
  const scenario = SCENARIOS[cut.scenario];
  if (scenario === undefined) throw new Error(`there is no scenario ${cut.scenario}`);
  const account = newAccount();
  let places = 0;
  let name = "";
  let ground: Ground | undefined;
  const isHere = (where: string): boolean => {
    places += 1;
    if (places !== cut.place) return false;
    name = where;
    return true;
  };
  const cutOff = (where: string): boolean => {
    if (!isHere(where)) return false;
    ground?.kill();
    site.cut();
    site.world.after(DARK_MS, () => void site.powerOn());
    return true;
  };
  const random = seededRandom(SEED, "noise");
  const noise = (): NoiseOptions => {
    const at = (place: string, attempt: string): boolean => cutOff(`${place} ${attempt}`);
    return { noise: cut.noise, random, clock: site.world.clock, cut: at };
  };
  const options = scenario.options(account);
  const payment = (): PaymentSideOptions => {
    const given = options.payment?.() ?? {};
    const services = given.services ?? [];
    return { ...given, services: services.map((one) => noisyService(one, noise())) };
  };
  const site: Site = new Site({
    seed: SEED,
    board: smallCharger(true),
    services: [ENERGY],
    policy: { quantumPulses: 40, loss: "seller" },
    ...options,
    payment,
    cutAt: (where) => {
      if (!where.endsWith("commit") || !isHere(where)) return false;
      ground?.kill();
      return true;
    },
    wrapHost: () => {
      if (ground === undefined) throw new Error("the host is opened before the device");
      return noisyHost(ground.open(), noise());
    },
  });
  const wrong: string[] = [];
  ground = await openGround(cut.ground, site, cutOff);
  const story = async (): Promise<Outcome> => {
    void site.powerOn();
    const consumer = await site.consumer("a");
    return buy(site, consumer, { service: 1, price: 1, units: 2, ...scenario.buying });
  };
  try {
    const outcome = await drive(site, ground, story(), STORY_MS);
    // Over a bad line a payment may be given up, and then nothing is sold.
    if (outcome === undefined || (cut.noise === "quiet" && !outcome.done)) {
      wrong.push(`I6: the buyer never came to an end: ${outcome?.faults.join(", ")}`);
    }
    await drive(site, ground, new Promise(() => undefined), AFTERWARDS_MS[cut.noise]);
    if (site.bugs.length > 0) wrong.push(`a bug of ours: ${String(site.bugs[0])}`);
  } catch (error) {
    wrong.push(`a bug of ours: ${String(error)}`);
  }
  wrong.push(...(await compare(site, ground, account)));
  await ground.close?.();
  return { places, name, wrong, log: site.log };
}

/** As a site runs its stories; where the host is outside the world, time stands while it works. */
async function drive<T>(
  { world, bugs }: Site,
  ground: Ground,
  story: Promise<T>,
  limitMs: number,
): Promise<T | undefined> {
  let ended: { value: T } | undefined;
  void story.then((value) => {
    ended = { value };
  });
  const endMs = world.nowMs() + limitMs;
  await settlePromises();
  while (ended === undefined && bugs.length === 0) {
    await ground.idle?.();
    if (world.nextMs() > endMs) {
      await world.runUntil(endMs);
      break;
    }
    await world.step();
  }
  return ended?.value;
}

/** The device's books against those of everybody who holds money, order by order. */
async function compare(site: Site, ground: Ground, account: Account): Promise<string[]> {
  const wrong: string[] = [];
  const held = new Map<string, number>();
  const add = (order: string, minor: number): void => {
    held.set(order, (held.get(order) ?? 0) + minor);
  };
  for (const { order, netMinor, heldMinor } of await ground.report()) {
    add(order, netMinor);
    if (heldMinor > 0) wrong.push(`I6: ${heldMinor} of ${order} are still held`);
  }
  for (const [transaction, minor] of account.taken) add(transaction.split("/")[0] ?? "", minor);
  for (const [transaction, minor] of account.back) add(transaction.split("/")[0] ?? "", -minor);
  for (const order of durableOrders(site)) {
    const { id, state, settlement, terms } = order;
    const net = held.get(id) ?? 0;
    held.delete(id);
    if (state !== "closed" && state !== "failed") wrong.push(`I6: ${id} is left ${state}`);
    if (net > terms.totalMinor) wrong.push(`I2: ${net} were taken of ${terms.totalMinor}`);
    const { amountMinor = 0, forfeitMinor = 0, owedMinor = 0 } = settlement ?? {};
    if (net !== amountMinor + forfeitMinor + owedMinor) {
      wrong.push(`I1: ${net} are held for ${id}, ${amountMinor} were delivered`);
    }
    if (owedMinor > 0) wrong.push(`I6: ${owedMinor} of ${id} are owed by an honest host`);
    if (state === "closed" && site.settlements(id).length !== 1) {
      wrong.push(`I6: ${site.settlements(id).length} settlement receipts of ${id}`);
    }
  }
  for (const [order, net] of held) {
    if (net !== 0) wrong.push(`I6: ${net} are held for ${order}, and nobody knows of it`);
  }
  return wrong;
}

export interface CutReport {
  cuts: number;
  byGround: Readonly<Record<string, number>>;
  violations: readonly string[];
}

interface CutOptions {
  first?: boolean;
  scenarios?: readonly string[];
}

/** Every place of every scenario and noise on these grounds; `first` is content with the first violation. */
export async function cutPayments(
  grounds: readonly GroundName[],
  { first = false, scenarios = Object.keys(SCENARIOS) }: CutOptions = {},
): Promise<CutReport> {
  const violations: string[] = [];
  const byGround: Record<string, number> = {};
  let cuts = 0;
  for (const ground of grounds) {
    for (const noise of NOISES) {
      for (const scenario of scenarios) {
        if ((SCENARIOS[scenario]?.ground ?? ground) !== ground) continue;
        // What goes on after a cut takes its own course: places are those of the run without one.
        const { places } = await runPaymentCut({ scenario, noise, ground, place: 0 });
        for (let place = 0; place <= places; place++) {
          if (first && violations.length > 0) return { cuts, byGround, violations };
          const { name, wrong } = await runPaymentCut({ scenario, noise, ground, place });
          cuts += place > 0 ? 1 : 0;
          byGround[ground] = (byGround[ground] ?? 0) + (place > 0 ? 1 : 0);
          const replay = `node build/test/sim/payment-cuts.js "${scenario}" ${noise} "${ground}" ${place}`;
          violations.push(...wrong.map((text) => `${scenario}, ${name}: ${text} (${replay})`));
        }
      }
    }
  }
  return { cuts, byGround, violations };
}

if (process.argv[1]?.endsWith("payment-cuts.js") === true) {
  const [scenario, noise, ground = "simulated", place = "0"] = process.argv.slice(2);
  if (scenario === undefined || scenario === "first") {
    const only = noise === undefined ? {} : { scenarios: [noise] };
    const report = await cutPayments(["simulated"], { first: scenario === "first", ...only });
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else {
    const cut = { scenario, noise: noise as Noise, ground: ground as GroundName };
    const run = await runPaymentCut({ ...cut, place: Number(place) });
    process.stdout.write(`${[...run.log, run.name, ...run.wrong].join("\n")}\n`);
  }
}

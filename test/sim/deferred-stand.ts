// A board in virtual time whose payment host can be out of reach, with the policy that lets it sell all the same, or
// without; and whether host and books agree in the end.

import { mortal } from "../../bench/mortal-host.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { DeferredSums } from "../../firmware/payment/deferred/deferred-books.ts";
import {
  type DeferredHost,
  type DeferredPolicy,
  openDeferredHost,
} from "../../firmware/payment/deferred/deferred-host.ts";
import { type DeferredRecord, lostMinor } from "../../firmware/payment/deferred/deferred-record.ts";
import { type Clock, sleep } from "../../hal/clock.ts";
import type { HostAnswer, PaymentHost } from "../../hal/payment-host.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import type { Store } from "../../hal/store.ts";
import { charges, orders, type Stand, stand } from "./walk-up-stand.ts";

const OUT_OF_REACH = "the payment host cannot be reached";
export const POLICY: DeferredPolicy = { currency: "EUR", floorMinor: 100, totalMinor: 120 };
const DARK_MS = 3_000;
const SILENT_MS = 5_000;
const COMMIT_MS = 5;

/** `down`: the host's adapter knows it. `silent`: nobody knows, and nothing comes back. */
export interface Line {
  state: "up" | "down" | "silent";
  asked: number;
}

function overLine(host: PaymentHost, line: Line, clock: Clock): PaymentHost {
  const over = async (call: () => Promise<HostAnswer>): Promise<HostAnswer> => {
    line.asked += 1;
    if (line.state === "up") return call();
    if (line.state === "silent") await sleep(clock, SILENT_MS);
    return { kind: "no-answer" };
  };
  return {
    ...{ canQuery: host.canQuery, publicKey: host.publicKey, simulated: true },
    trouble: () => (line.state === "down" ? OUT_OF_REACH : undefined),
    tokenise: (...args) => over(() => host.tokenise(...args)),
    authorise: (...args) => over(() => host.authorise(...args)),
    capture: (...args) => over(() => host.capture(...args)),
    refund: (...args) => over(() => host.refund(...args)),
    reverse: (...args) => over(() => host.reverse(...args)),
    query: (...args) => over(() => host.query(...args)),
    onLateAnswer: (listener) => host.onLateAnswer(listener),
  };
}

/** Longer than a commit of the device: what is not awaited comes too late. */
function slowed(store: Store, clock: Clock): Store {
  return {
    commit: async (writes) => {
      await sleep(clock, COMMIT_MS);
      return store.commit(writes);
    },
    get: (kind, id) => store.get(kind, id),
    list: (kind) => store.list(kind),
    close: () => store.close(),
  };
}

export interface DeferredStand extends Stand {
  line: Line;
  /** Of the wrapper, beside the device's own. */
  disk: SimStore;
  sums(): DeferredSums;
}

export interface DeferredStandOptions {
  policy?: DeferredPolicy;
  /** True cuts the power around that commit, of the device's store or of the wrapper's. */
  cutAt?: () => boolean;
  site?: Partial<SiteOptions>;
}

export async function deferredStand(options: DeferredStandOptions = {}): Promise<DeferredStand> {
  const { policy, cutAt = () => false } = options;
  const line: Line = { state: "up", asked: 0 };
  let host: DeferredHost | undefined;
  let at: Stand | undefined;
  const disk = simStore({
    onCommit: () => {
      if (at === undefined || !cutAt()) return;
      const { site } = at;
      site.cut();
      disk.crash();
      site.world.after(DARK_MS, () => void site.powerOn());
    },
  });
  const wrapHost: SiteOptions["wrapHost"] = async (plain, { process, log }) => {
    const { clock, alive } = process;
    const far = overLine(mortal(plain, alive), line, clock);
    if (policy === undefined) return far;
    const store = slowed(disk.reopen(), clock);
    host = await openDeferredHost({ host: far, store, clock, log, policy });
    return host;
  };
  at = await stand({
    ...options.site,
    wrapHost,
    cutAt: (place) => {
      const isHere = at !== undefined && place.endsWith("commit") && cutAt();
      if (isHere) disk.crash();
      return isHere;
    },
  });
  const sums = (): DeferredSums => {
    if (host === undefined) throw new Error("nothing is deferred here");
    return host.sums();
  };
  return { ...at, line, disk, sums };
}

/** I1, I2, I6: what the host has of it and what is lost is what was delivered, order by order; nothing is held. */
export async function booksAgree(at: DeferredStand): Promise<string[]> {
  const wrong = [...at.wrong];
  let netMinor = 0;
  const all = await charges(at);
  for (const one of all) {
    netMinor += one.capturedMinor - one.refundedMinor;
    const heldMinor = one.capturedMinor > 0 || one.reversed ? 0 : one.authorisedMinor;
    if (heldMinor > 0) wrong.push(`I6: ${heldMinor} are still held`);
    if (one.capturedMinor > one.authorisedMinor) wrong.push("I2: more is captured than was held");
  }
  const records = at.disk.durable("deferred").map(({ body }) => JSON.parse(body) as DeferredRecord);
  const lost = records.reduce((sum, record) => sum + lostMinor(record), 0);
  let dueMinor = 0;
  for (const { id, state, settlement, terms } of orders(at)) {
    const { amountMinor = 0, owedMinor = 0 } = settlement ?? {};
    dueMinor += amountMinor;
    if (state !== "closed" && state !== "failed") wrong.push(`I6: ${id} is left ${state}`);
    if (amountMinor > terms.totalMinor || owedMinor > 0)
      wrong.push(`I2: ${id} took ${amountMinor}`);
  }
  if (all.length > orders(at).length) wrong.push(`I2: ${all.length} payments`);
  if (netMinor + lost !== dueMinor) {
    wrong.push(`I1: ${netMinor} at the host, ${lost} lost, ${dueMinor} delivered`);
  }
  if (records.some(({ state, sealed }) => state === "open" || sealed !== undefined)) {
    wrong.push("I6: the host has not decided about one of them");
  }
  return wrong;
}

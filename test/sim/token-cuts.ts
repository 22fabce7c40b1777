// Cuts the power at each store commit, switch write and publish while somebody takes what a tag is good for, and comes
// again until nothing is left; counts what is not as it must be.

import { SOCKET_1, violations } from "../../bench/invariants.ts";
import { smallCharger } from "./power-cuts.ts";
import { mint, ORDER, orderOf, receiptsOf, tagWith, WITH_BEARERS } from "./token-stand.ts";
import { flowed, orders, stand } from "./walk-up-stand.ts";

const TAPS_MAX = 12;
const UNITS = 2;
const PULSES = 120;
const QUANTUM = 20;

export interface CutStory {
  /** Places passed. */
  places: number;
  place: string;
  wrong: readonly string[];
}

/** The power is cut at place number `cutPlace`, counted from the first tap on; at none for 0. */
export async function tokenWithCut(cutPlace: number, retains: boolean): Promise<CutStory> {
  let places = -1;
  let place = "";
  const at = await stand({
    seed: 11,
    board: smallCharger(retains),
    services: [WITH_BEARERS],
    policy: { quantumPulses: QUANTUM, loss: "payer" },
    cutAt: (where) => {
      if (places < 0) return false;
      places += 1;
      if (places !== cutPlace) return false;
      place = where;
      return true;
    },
  });
  const { site, desk, pass, wrong } = at;
  const tag = tagWith(mint(site, { units: UNITS }));
  places = 0;
  try {
    for (let tap = 0; tap < TAPS_MAX; tap++) {
      desk.chip.remove();
      await pass(5_000);
      if (orderOf(orders(at))?.state === "closed") break;
      desk.chip.present(tag);
      await pass(8_000);
    }
  } catch (error) {
    wrong.push(`a bug of ours: ${String(error)}`);
  }
  const expected = { ...SOCKET_1, quantumPulses: QUANTUM, retains, loss: "payer" as const };
  wrong.push(...(await violations(site, expected)));
  const order = orderOf(orders(at));
  if (order?.state !== "closed") wrong.push(`I6: the token is left ${order?.state}`);
  if (order?.pulses !== PULSES) wrong.push(`I3: ${order?.pulses} of ${PULSES} were delivered`);
  if (retains && flowed(at) < PULSES) wrong.push(`I3: only ${flowed(at)} flowed`);
  const receipts = receiptsOf(site);
  const unmarked = receipts.filter(({ order: id, breakdown, payment }) => {
    return id !== ORDER || breakdown?.prepaid !== "bearer" || payment !== "prepaid";
  });
  if (unmarked.length > 0)
    wrong.push(`${unmarked.length} receipts do not say that it is a bearer's`);
  const moved = await site.host.charges();
  if (moved.size > 0) wrong.push(`I1: ${moved.size} payments were made`);
  return { places, place, wrong };
}

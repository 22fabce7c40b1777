// Cuts the power at each store commit, switch write and publish of a sale that is paid while it is delivered, and counts
// what is not as it must be. The payer goes on each time, and pays for all that he was given.

import { checkClosing, SOCKET_1, violations } from "../../bench/invariants.ts";
import { Site } from "../../bench/site.ts";
import type { SessionReceipt } from "../../firmware/token/receipt.ts";
import { smallCharger } from "./power-cuts.ts";
import { RawPayer, STREAMED } from "./stream-payer-stand.ts";
import { type Streaming, streamSale, streamViolations, watchExposure } from "./stream-sale.ts";

const QUANTUM = 40;
const RUN_ON = 3;

export interface StreamCut {
  /** Places passed. */
  places: number;
  place: string;
  wrong: readonly string[];
  log: readonly string[];
}

/** The power is cut at place number `cutPlace`; at none for 0. */
async function streamWithCut(
  sale: Streaming,
  cutPlace: number,
  retains: boolean,
): Promise<StreamCut> {
  let places = 0;
  let place = "";
  const site = new Site({
    seed: 5,
    board: smallCharger(retains),
    services: [STREAMED],
    policy: { quantumPulses: QUANTUM, loss: "seller" },
    cutAt: (where) => {
      places += 1;
      if (places !== cutPlace) return false;
      place = where;
      return true;
    },
  });
  const wrong: string[] = [];
  site.onClosing = (outlet) => wrong.push(...checkClosing(site, outlet));
  let exposed: readonly string[] = [];
  let sessions: readonly SessionReceipt[] = [];
  let done = false;
  try {
    const ended = await site.run(async () => {
      void site.powerOn();
      const payer = await new RawPayer(site, "a").open();
      exposed = watchExposure(site, payer, retains ? RUN_ON : 2 * QUANTUM);
      const isSettled = await streamSale(payer, sale);
      sessions = payer.sessions() as SessionReceipt[];
      return isSettled;
    });
    done = ended === true;
    await site.world.runFor(20_000);
  } catch (error) {
    wrong.push(`a bug of ours: ${String(error)}`);
  }
  if (!done) wrong.push("I6: the payer never came to an end");
  const expected = { ...SOCKET_1, quantumPulses: QUANTUM, runOnPulsesMax: RUN_ON, retains };
  wrong.push(...(await violations(site, expected)), ...streamViolations(site, sessions));
  wrong.push(...new Set(exposed));
  return { places, place, wrong, log: site.log };
}

/** At every place of the sale. */
export async function cutStreams(
  sale: Streaming,
  retains: boolean,
): Promise<{ cuts: number; wrong: readonly string[] }> {
  const whole = await streamWithCut(sale, 0, retains);
  const wrong = whole.wrong.map((text) => `no cut: ${text}`);
  for (let cut = 1; cut <= whole.places; cut++) {
    const { place, wrong: found } = await streamWithCut(sale, cut, retains);
    wrong.push(...found.map((text) => `${place} ${cut}: ${text}`));
  }
  return { cuts: whole.places, wrong };
}

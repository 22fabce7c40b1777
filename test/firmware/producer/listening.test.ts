// A device that sells at its board, and a broker that is not there, is slow, or refuses.

import { expect, test } from "vitest";
import { listen } from "../../../firmware/producer/listening.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { Link } from "../../../hal/link.ts";
import { simWorld } from "../../../hal/sim/world.ts";

function linkWith(isUp: boolean, granted: Promise<void>): Link {
  return {
    publish: () => undefined,
    subscribe: () => granted,
    onMessage: () => undefined,
    onState: () => undefined,
    connected: () => isUp,
    close: () => Promise.resolve(),
  };
}

async function listened(atBoard: boolean, isUp: boolean, granted: Promise<void>) {
  const world = simWorld({ seed: 1 });
  const logged: string[] = [];
  const log = (_level: string, event: string): number => logged.push(event);
  let end = "waits";
  void listen(linkWith(isUp, granted), "filter", { clock: world.clock, log, atBoard }).then(
    () => {
      end = `after ${world.nowMs()} ms`;
    },
    () => {
      end = "refused";
    },
  );
  await world.runFor(60_000);
  return { end, logged };
}

const never = new Promise<void>(() => undefined);
const refused = (): Promise<void> => Promise.reject(new HalError("refused", "not allowed"));

test("at the board nobody waits for a broker that is away, and only a moment for one that is slow", async () => {
  expect(await listened(true, false, never)).toEqual({ end: "after 0 ms", logged: [] });
  expect(await listened(true, true, never)).toEqual({ end: "after 2000 ms", logged: [] });
  expect(await listened(true, true, Promise.resolve())).toMatchObject({ end: "after 0 ms" });
  expect(await listened(true, true, refused())).toMatchObject({ logged: ["requests-unheard"] });
});

test("whoever sells only over the network waits, and is told", async () => {
  expect(await listened(false, false, never)).toMatchObject({ end: "waits" });
  expect(await listened(false, true, refused())).toMatchObject({ end: "refused" });
});

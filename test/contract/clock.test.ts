// The Clock contract on virtual time, on a paced world and on the operating system.

import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { paceWorld } from "../../hal/sim/pace.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { describeClock } from "./clock.ts";

function realSleep(ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  return new Promise((resolve) => {
    const look = (): void => {
      if (performance.now() >= untilMs) setImmediate(resolve);
      else setTimeout(look, 1);
    };
    look();
  });
}

describeClock("virtual time", () => {
  const world = simWorld({ seed: 1 });
  return { clock: world.clock, elapse: (ms) => world.runFor(ms), close: () => {} };
});

describeClock("a process in virtual time", () => {
  const world = simWorld({ seed: 1 });
  return { clock: world.process().clock, elapse: (ms) => world.runFor(ms), close: () => {} };
});

describeClock("the operating system", () => ({
  clock: openSystemClock(),
  elapse: (ms) => realSleep(ms + 10),
  close: () => {},
}));

for (const rate of [1, 10]) {
  describeClock(`a world paced at ${rate}`, () => {
    const world = simWorld({ seed: 1 });
    const pace = paceWorld(world, openSystemClock(), rate);
    return {
      clock: world.clock,
      elapse: (ms) => realSleep(ms / rate + 10),
      close: () => pace.stop(),
    };
  });
}

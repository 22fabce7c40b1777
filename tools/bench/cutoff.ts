// How long the cut takes: from the stamp that another process gives a pulse before it writes it to a pipe, to the call
// that drives the switch open. Each pulse is the last of a grant.

import { every } from "../../hal/clock.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openEdgeBench, stall, startSpinner } from "./edge-bench.ts";

export interface Cutoff {
  cuts: number;
  /** Microseconds. */
  p50: number;
  p99: number;
  p999: number;
  max: number;
  /** Reads that found more than one pulse: the first one's stamp counts. */
  coalesced: number;
  /** Of garbage, in the loop's process. */
  collections: number;
}

export interface Cutoffs {
  /** Nothing else runs. */
  idle: Cutoff;
  /** One core is busy, and 200 messages a second come from the device's side. */
  busy: Cutoff;
  /** The same, and the device's side is blocked again and again for two seconds. */
  stalled: Cutoff;
  /** The same as `busy`, with every core busy. */
  bothCores: Cutoff;
}

/** Pulses of one line: what a fast flow meter gives. */
const PULSES_PER_SECOND = 2_000;
const MESSAGES_PER_SECOND = 200;
const STALL_MS = 2_000;
const BETWEEN_STALLS_MS = 250;
const OTHER_SESSION = "other";
const TOTAL = 1e12;

interface Load {
  spinners: number;
  messages: boolean;
  stalls: boolean;
}

/** Takes `cuts` / 2,000 seconds for each of the four. */
export async function measureCutoff(cuts = 100_000): Promise<Cutoffs> {
  const busy = { spinners: 1, messages: true, stalls: false };
  return {
    idle: await cutUnder({ spinners: 0, messages: false, stalls: false }, cuts),
    busy: await cutUnder(busy, cuts),
    stalled: await cutUnder({ ...busy, stalls: true }, cuts),
    bothCores: await cutUnder({ ...busy, spinners: 2 }, cuts),
  };
}

async function cutUnder(load: Load, cuts: number): Promise<Cutoff> {
  const bench = await openEdgeBench(2, cuts);
  const spinners = Array.from({ length: load.spinners }, startSpinner);
  const clock = openSystemClock();
  let granted = 1;
  let owed = 0;
  let ticks = 0;
  const send = (): void => {
    granted++;
    bench.loop.send({ do: "extend", session: OTHER_SESSION, pulses: granted });
  };
  const startMs = clock.monotonicMs();
  const messages = every(clock, 1000 / MESSAGES_PER_SECOND, () => {
    if (!load.messages) return;
    // What could not be sent while it was blocked is sent then.
    owed = Math.floor(((clock.monotonicMs() - startMs) * MESSAGES_PER_SECOND) / 1000);
    for (; ticks < owed; ticks++) send();
  });
  let isDone = false;
  const stalls = every(clock, BETWEEN_STALLS_MS, () => {
    if (load.stalls && !isDone) stall(STALL_MS);
  });
  try {
    bench.loop.send({
      ...({ do: "grant", session: OTHER_SESSION, outlet: "1", meter: "pulses" } as const),
      ...{ pulses: 1, total: TOTAL },
    });
    await new Promise<void>((resolve) => clock.at(clock.monotonicMs() + 500, resolve));
    const said = bench.said();
    // Some pulses come while the switch is open, and cut nothing.
    const pulses = { lines: 1, perSecond: PULSES_PER_SECOND, perLine: 2 * cuts } as const;
    void bench.pulses({ ...pulses, pace: "even" }).catch(() => undefined);
    return JSON.parse(await said) as Cutoff;
  } finally {
    isDone = true;
    messages.cancel();
    stalls.cancel();
    for (const spinner of spinners) spinner.stop();
    await bench.close();
  }
}

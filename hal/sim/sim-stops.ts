// How an actuator lets go, drawn anew for every stop: it takes a moment until its contact opens or its valve begins to
// shut, and then some still flows. Both wander slowly, as metal wears and water warms.

import type { Random } from "./random.ts";

export interface StopPhysics {
  /** Means, from the coil to the contact and from there to the end of the flow, of which half is let through. */
  latencyMs: number;
  runOnMs: number;
  /** Of each mean. */
  sigmaPermille: number;
  /** Both means move by this with every stop, there and back again, up to the most in either direction. */
  driftPermillePerStop: number;
  driftPermilleMax: number;
}

interface DrawnStop {
  latencyMs: number;
  runOnMs: number;
}

export function drawnStops(random: Random, physics: StopPhysics): () => DrawnStop {
  let drift = 0;
  let step = physics.driftPermillePerStop;
  const draw = (meanMs: number): number => {
    const mean = meanMs * (1 + drift / 1000);
    return Math.max(0, mean * (1 + (normal(random) * physics.sigmaPermille) / 1000));
  };
  return () => {
    if (Math.abs(drift + step) > physics.driftPermilleMax) step = -step;
    drift += step;
    return { latencyMs: draw(physics.latencyMs), runOnMs: draw(physics.runOnMs) };
  };
}

/** So many even draws make one normal draw; their sum has a variance of a twelfth of that. */
const EVEN_DRAWS = 48;

/** Mean 0, sigma 1; the same on every machine. */
function normal(random: Random): number {
  let sum = 0;
  for (let i = 0; i < EVEN_DRAWS; i++) sum += (random.uint32() + 0.5) / 2 ** 32;
  return (sum - EVEN_DRAWS / 2) / Math.sqrt(EVEN_DRAWS / 12);
}

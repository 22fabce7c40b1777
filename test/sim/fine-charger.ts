// A charger with a coarse meter.

import { virtualCharger } from "../../boards/virtual-charger.ts";
import type { Board } from "../../hal/board.ts";
import { smallCharger } from "./power-cuts.ts";

/** One pulse to a unit: a proof for each of them. */
export function fineCharger(): Board {
  const outlets = smallCharger(true).outlets.map((outlet) => ({
    ...outlet,
    meters: outlet.meters.map((meter) =>
      meter.kind === "pulse"
        ? { ...meter, pulsesPerUnit: { numerator: 1, denominator: 1 } }
        : meter,
    ),
  }));
  return { ...virtualCharger, outlets };
}

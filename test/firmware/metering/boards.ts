// Virtual boards with everything that can stop a delivery: interlocks on lines and by a sensor, buttons, a valve with
// two ways, a contactor whose contact nobody sees.

import { virtualCharger } from "../../../boards/virtual-charger.ts";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import { virtualWasher } from "../../../boards/virtual-washer.ts";
import type { Board, InterlockPart, OutletPart } from "../../../hal/board.ts";

const EMERGENCY: InterlockPart = {
  kind: "input",
  id: "emergency-stop",
  sort: "emergency-stop",
  line: "emergency-ok",
};

function door(outlet: string): InterlockPart {
  return { kind: "input", id: "door", sort: "door", line: `${outlet}-door-shut` };
}

const HEAT: InterlockPart = {
  kind: "sensor",
  id: "heat",
  sort: "other",
  sensor: "temperature",
  min: -20_000,
  max: 85_000,
};

const guarded = (part: OutletPart): OutletPart => ({
  ...part,
  interlocks: [EMERGENCY, door(part.id), HEAT],
});

/** One emergency stop for both sockets, a door for each, a temperature, a button to stop the first and one to choose. */
export const guardedCharger: Board = {
  ...virtualCharger,
  name: "guarded-charger",
  outlets: virtualCharger.outlets.map(guarded),
  sensors: [
    {
      kind: "virtual",
      id: "temperature",
      unit: "m°C",
      staleAfterMs: 2_000,
      plausible: { min: -55_000, max: 125_000 },
    },
  ],
  buttons: [
    { id: "stop", line: "stop-button", does: { stop: "socket-1" } },
    { id: "second", line: "second-button", does: { select: 2 } },
  ],
  virtual: { pulsesPerSecond: 6, operateMs: [10, 30], shows: { temperature: 21_000 } },
};

export const guardedWasher: Board = {
  ...virtualWasher,
  name: "guarded-washer",
  outlets: virtualWasher.outlets.map((part) => ({
    ...part,
    interlocks: [EMERGENCY, door(part.id)],
  })),
};

/** A pump whose nozzle hangs in its holder until it is lifted. */
export const twoStagePump = (feedback: boolean): Board => ({
  ...virtualPump,
  name: "two-stage-pump",
  outlets: virtualPump.outlets.map((part) => ({
    ...part,
    switch: {
      kind: "two-stage-valve",
      fastLine: "valve-wide",
      slowLine: "valve-narrow",
      ...(feedback && { feedbackLine: "valve-open" }),
      operateMsMax: 300,
      slowPulses: 90,
    },
    interlocks: [{ kind: "input", id: "nozzle", sort: "nozzle", line: "nozzle-lifted" }],
  })),
});

/** Its contactors have no auxiliary contact. */
export const blindCharger: Board = {
  ...virtualCharger,
  name: "blind-charger",
  outlets: virtualCharger.outlets.map((part) => ({
    ...part,
    switch: { kind: "contactor", line: `${part.id}-coil`, operateMsMax: 150 },
  })),
};

// A process that is held up for seconds between two of its own steps takes no contact for welded or stuck: its time is
// counted from when it was told, and what is read of it is at least as new as the time that goes with it.

import { describe, expect, test } from "vitest";
import { openContactor } from "../../../hal/drivers/contactor.ts";
import { openTwoStageValve } from "../../../hal/drivers/two-stage-valve.ts";
import type { InputPin, OutputPin } from "../../../hal/pin.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const HELD_UP_MS = 5_000;
const PART = { operateMsMax: 50 };

function stand(kind: "contactor" | "valve") {
  const { clock, advance } = simWorld({ seed: 1 });
  let isClosed = false;
  const heldUp = { beforeSet: false, afterRead: false };
  const coil: OutputPin = {
    set: () => {
      if (heldUp.beforeSet) advance(HELD_UP_MS);
    },
    close: () => {},
  };
  const contact: InputPin = {
    read: () => {
      const was = isClosed;
      if (heldUp.afterRead) advance(HELD_UP_MS);
      return was;
    },
    close: () => {},
  };
  const part =
    kind === "contactor"
      ? openContactor(coil, contact, clock, PART)
      : openTwoStageValve({ fast: coil, slow: coil }, contact, clock, PART);
  expect(part.state()).toEqual({ closed: false, contact: "open" });
  const move = (closed: boolean) => {
    isClosed = closed;
  };
  return { part, heldUp, move, advance };
}

describe.each(["contactor", "valve"] as const)("%s", (kind) => {
  test("held up before the line is driven, it still has all of its time", () => {
    const { part, heldUp, move, advance } = stand(kind);
    heldUp.beforeSet = true;
    part.set(true);
    expect(part.state()).toEqual({ closed: true, contact: "unknown" });
    advance(40);
    expect(part.state()).toEqual({ closed: true, contact: "unknown" });
    move(true);
    expect(part.state()).toEqual({ closed: true, contact: "closed" });
    part.set(false);
    expect(part.state()).toEqual({ closed: false, contact: "unknown" });
    advance(51);
    expect(part.state()).toMatchObject({ fault: "weld" });
  });

  test("held up after the line was read, what was read is not taken for newer than it is", () => {
    const { part, heldUp, advance } = stand(kind);
    part.set(true);
    heldUp.afterRead = true;
    expect(part.state()).toEqual({ closed: true, contact: "unknown" });
    heldUp.afterRead = false;
    advance(51);
    expect(part.state()).toMatchObject({ fault: "not-closed" });
  });
});

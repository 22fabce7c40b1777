// What the customer himself does before an outlet can deliver: plug in, or lift the nozzle.

import type { OutletPart } from "../../hal/board.ts";
import type { OutletReport } from "../../hal/loop-host.ts";

export type Awaited = "vehicle" | "nozzle";

const WORDS: Readonly<Record<Awaited, string>> = {
  vehicle: "Connect the vehicle",
  nozzle: "Lift the nozzle",
};

/** For whoever stands there. */
export function awaitedText(awaited: Awaited): string {
  return WORDS[awaited];
}

/** Undefined where something else is in the way too, or nothing is. */
export function awaitedContact(
  part: OutletPart | undefined,
  report: OutletReport | undefined,
): Awaited | undefined {
  if (report?.fault !== "interlock" || report.session !== undefined) return undefined;
  const { interlocks = [] } = part ?? {};
  const sorts = report.raised.map((raised) => interlocks.find(({ id }) => id === raised)?.sort);
  const others = sorts.filter((sort) => sort !== "vehicle" && sort !== "nozzle");
  const [first] = sorts;
  return others.length === 0 && (first === "vehicle" || first === "nozzle") ? first : undefined;
}

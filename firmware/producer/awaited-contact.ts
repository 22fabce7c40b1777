// What the customer himself does before an outlet can deliver: plug in, or lift the nozzle.

import type { OutletPart } from "../../hal/board.ts";
import type { OutletReport } from "../../hal/loop-host.ts";

/** Undefined where something else is in the way too, or nothing is. */
export function awaitedContact(
  part: OutletPart | undefined,
  report: OutletReport | undefined,
): "vehicle" | "nozzle" | undefined {
  if (report?.fault !== "interlock" || report.session !== undefined) return undefined;
  const { interlocks = [] } = part ?? {};
  const sorts = report.raised.map((raised) => interlocks.find(({ id }) => id === raised)?.sort);
  const others = sorts.filter((sort) => sort !== "vehicle" && sort !== "nozzle");
  const [first] = sorts;
  return others.length === 0 && (first === "vehicle" || first === "nozzle") ? first : undefined;
}

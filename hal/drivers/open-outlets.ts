// Board parts to drivers: the one place that knows which driver runs which part. It is given lines and a
// clock, so it opens a virtual board and a real one alike.

import type { Board, MeterPart, OutletPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { LoopDevices, OutletDevices } from "../devices.ts";
import type { Meter } from "../meter.ts";
import type { Lines } from "../pin.ts";
import { openContactor } from "./contactor.ts";
import { openPulseMeter } from "./pulse-meter.ts";
import { openTimeMeter } from "./time-meter.ts";

/** What a meter's own register held when its line was opened; undefined for one that has none. */
export type ReadRegister = (outlet: string, meter: string) => number | undefined;

/** Opens every outlet of the board, switches open. When one part fails all are closed and its HalError is thrown. */
export function openOutlets(
  board: Board,
  clock: Clock,
  lines: Lines,
  readRegister: ReadRegister = () => undefined,
): LoopDevices {
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(part: T): T => {
    opened.push(part);
    return part;
  };
  const openMeter = (outlet: OutletPart, part: MeterPart): Meter =>
    part.kind === "time"
      ? openTimeMeter(clock, part)
      : openPulseMeter(keep(lines.edges(part.line)), part, readRegister(outlet.id, part.id));
  const openOutlet = (part: OutletPart): OutletDevices => {
    const coil = keep(lines.output(part.switch.line));
    const contact = keep(lines.input(part.switch.feedbackLine));
    const outletSwitch = keep(openContactor(coil, contact, clock, part.switch));
    const meters = new Map<string, Meter>();
    for (const meter of part.meters) meters.set(meter.id, keep(openMeter(part, meter)));
    return { part, switch: outletSwitch, meters };
  };
  try {
    const outlets = board.outlets.map(openOutlet);
    return { clock, outlets, close: () => closeAll(opened) };
  } catch (error) {
    closeAll(opened);
    throw error;
  }
}

/** One part that cannot be closed must not keep another switch closed. */
function closeAll(parts: readonly { close(): void }[]): void {
  let failed: unknown;
  for (const part of parts) {
    try {
      part.close();
    } catch (error) {
      failed ??= error;
    }
  }
  if (failed !== undefined) throw failed;
}

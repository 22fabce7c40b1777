// Why a delivery stopped, in words: the reason of the closed list, and the reading that brought it about.

import type { StopCause } from "../../hal/loop-host.ts";
import { countText } from "../units.ts";

interface Stop {
  /** Of STOP_REASONS, or that an order expired. */
  reason: string;
  cause?: StopCause | undefined;
}

/** "interlock (door: raised)", "meter-stuck (main: no pulse for 31000 ms)", or the reason alone. */
export function stopWords({ reason, cause }: Stop): string {
  const { why } = causeWords({ reason, cause });
  return why === undefined ? reason : `${reason} (${why})`;
}

/** `why`: "door: raised"; left out where no reading stands behind the reason. */
export function causeWords({ reason, cause }: Stop): { why?: string } {
  return cause === undefined ? {} : { why: `${cause.of}: ${readingWords(reason, cause)}` };
}

function readingWords(reason: string, { value, unit }: StopCause): string {
  switch (unit) {
    case "ms":
      return `${WAITED[reason] ?? "for"} ${value} ms`;
    case "pulses":
      return reason === "leak"
        ? `${countText(value, "pulse")} through the open switch`
        : `${LAST[reason] ?? "at"} ${countText(value, "pulse")}`;
    case "units":
      return `proof of ${countText(value, "unit")}`;
    case "state":
      return value === 0 ? (SHOWED[reason] ?? "open") : "raised";
    case "value":
      return `read ${value}`;
  }
}

const WAITED: Readonly<Record<string, string>> = {
  "meter-stuck": "no pulse for",
  weld: "still closed after",
  "sensor-stale": "no reading for",
  "time-limit": "nothing came out for",
};

const LAST: Readonly<Record<string, string>> = {
  "meter-lost": "last read at",
  "meter-implausible": "counted",
};

const SHOWED: Readonly<Record<string, string>> = {
  "sensor-stale": "cannot be read",
  "not-closed": "the contact is open",
};

// What the metering loop said last of the board: which outlets can deliver, and if not why not. What changes in that
// is on record in the log.

import type { OutletPart } from "../../hal/board.ts";
import type {
  LoopReport,
  OutletReport,
  RunOn,
  SensorReport,
  StopReason,
} from "../../hal/loop-host.ts";
import type { Log } from "../log.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Awaited, awaitedContact, awaitedText } from "./awaited-contact.ts";

/** For the operator. */
export interface OutletHealth {
  outlet: string;
  ready: boolean;
  why?: StopReason;
  /** Ids of the interlocks that are raised, and by meter id what is the matter with those that are not well. */
  raised?: readonly string[];
  ailing?: Readonly<Record<string, string>>;
  /** What is known of how it runs on. */
  runOn?: RunOn;
}

export interface OutletWatch {
  /** Nothing is known of it before the loop has said it, and after the loop was lost. */
  report(outlet: string): OutletReport | undefined;
  onReports(report: LoopReport & { on: "ready" | "alive" }): void;
  /** Between two reports of the whole board: the next session starts from what this one left. */
  onReading(outlet: string, meter: string, reading: number): void;
  onLost(): void;
  /** Whether the count of a meter that kept counting may still come: one on a bus has not answered a loop that just started. */
  awaitsReading(of: { outlet: string; meter: string }): boolean;
  /** What a customer does first, where nothing else is in the way: that is no trouble. */
  awaits(outlet: string): Awaited | undefined;
  /** Whether the outlet could deliver now: `not-ready` with the reason. */
  ready(outlet: string): Result<void>;
  health(): OutletHealth[];
}

export function openOutletWatch(
  log: Log,
  runOnOf: (outlet: string) => RunOn | undefined,
  parts: readonly OutletPart[] = [],
): OutletWatch {
  const reports = new Map<string, OutletReport>();
  /** How long the loop is up, by its own clock. */
  const up = { sinceMs: 0, forMs: 0 };
  const awaits = (report: OutletReport): Awaited | undefined =>
    awaitedContact(
      parts.find(({ id }) => id === report.outlet),
      report,
    );
  const { tellOutlet, tellSensor } = teller(log, awaits);
  return {
    report: (outlet) => reports.get(outlet),
    onReports: ({ on, outlets, sensors, atMs }) => {
      if (on === "ready" || reports.size === 0) up.sinceMs = atMs;
      up.forMs = atMs - up.sinceMs;
      for (const report of outlets) reports.set(report.outlet, report);
      // A loop that has just started has not heard of its slow meters and sensors yet.
      if (on === "ready") return;
      outlets.forEach(tellOutlet);
      sensors.forEach(tellSensor);
    },
    onReading: (outlet, meter, reading) => {
      const report = reports.get(outlet);
      if (report === undefined) return;
      const readings = { ...report.readings, [meter]: reading };
      reports.set(outlet, { ...report, readings });
    },
    onLost: () => reports.clear(),
    awaitsReading: ({ outlet, meter }) => {
      const { retained = [], readings } = reports.get(outlet) ?? {};
      if (!retained.includes(meter) || readings?.[meter] !== undefined) return false;
      return up.forMs < METER_ANSWERS_MS;
    },
    ready: (outlet) => {
      const report = reports.get(outlet);
      if (report === undefined) return fail("not-ready", "the metering loop is not up");
      if (report.healthy) return ok(undefined);
      const { fault = "unknown", raised } = report;
      const which = raised.length > 0 ? ` (${raised.slice(0, LISTED_MAX).join(", ")})` : "";
      const contact = awaits(report);
      const first = contact === undefined ? "" : `: ${awaitedText(contact).toLowerCase()} first`;
      return fail("not-ready", `the outlet cannot deliver: ${fault}${which}${first}`);
    },
    awaits: (outlet) => {
      const report = reports.get(outlet);
      return report && awaits(report);
    },
    health: () =>
      [...reports.values()].map((report) => {
        const runOn = runOnOf(report.outlet);
        return { ...healthOf(report), ...(runOn && { runOn: shortened(runOn) }) };
      }),
  };
}

/** What is the matter goes on record when it begins, when it changes and when it is over. */
function teller(log: Log, awaits: (report: OutletReport) => Awaited | undefined) {
  /** As they were logged last. */
  const told = new Map<string, string>();

  const tell = (name: string, now: string, sayIt: () => void): void => {
    if ((told.get(name) ?? "") === now) return;
    told.set(name, now);
    sayIt();
  };
  const tellOutlet = (report: OutletReport): void => {
    const { outlet, fault, raised, ailing, awaited } = report;
    // It keeps the outlet from selling for a moment: of a meter it is not known yet, of an interlock it is over.
    if (awaited === true || isClearing(report)) {
      if ((told.get(`outlet ${outlet}`) ?? "") === "") told.set(`outlet ${outlet}`, "for a moment");
      return;
    }
    const contact = Object.keys(ailing).length === 0 ? awaits(report) : undefined;
    if (contact !== undefined) {
      tell(`outlet ${outlet}`, `awaits ${contact}`, () =>
        log("info", "outlet-awaits", { outlet, contact }),
      );
      return;
    }
    const meters = Object.entries(ailing).map(([meter, words]) => `${meter}: ${words}`);
    const more = [...(raised.length > 0 ? [`raised: ${raised.join(", ")}`] : []), ...meters];
    const now = [fault ?? "", ...more].join("; ");
    tell(`outlet ${outlet}`, fault === undefined && more.length === 0 ? "" : now, () => {
      if (fault === undefined && more.length === 0) log("info", "outlet-well", { outlet });
      else log("warn", "outlet-trouble", { outlet, fault: fault ?? "none", why: more.join("; ") });
    });
  };
  const tellSensor = ({ sensor, quality, why = "" }: SensorReport): void => {
    tell(`sensor ${sensor}`, quality === "good" ? "" : quality, () => {
      if (quality === "good") log("info", "sensor-well", { sensor });
      else log("warn", "sensor-trouble", { sensor, quality, why });
    });
  };
  return { tellOutlet, tellSensor };
}

/** What an interlock stands for; it stands a moment longer than one is raised. */
const BLOCKS: ReadonlySet<string> = new Set(["interlock", "emergency-stop", "sensor-stale"]);

function isClearing({ fault, raised, ailing }: OutletReport): boolean {
  return BLOCKS.has(fault ?? "") && raised.length === 0 && Object.keys(ailing).length === 0;
}

const LISTED_MAX = 3;
/** A meter that starts with the power takes some seconds. What does not answer for so long is not waited for. */
const METER_ANSWERS_MS = 30_000;

function shortened({ delayMs, spreadMs, stops }: RunOn): RunOn {
  return { delayMs: tenths(delayMs), spreadMs: tenths(spreadMs), stops };
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function healthOf({ outlet, healthy, fault, raised, ailing }: OutletReport): OutletHealth {
  return {
    outlet,
    ready: healthy,
    ...(fault !== undefined && { why: fault }),
    ...(raised.length > 0 && { raised }),
    ...(Object.keys(ailing).length > 0 && { ailing }),
  };
}

// Pulses a second that the metering loop counts without losing one, on one line and on several at once: made and added
// up by another process, counted by the session's own meter.

import type { LoopReport } from "../../hal/loop-host.ts";
import { openEdgeBench, stall } from "./edge-bench.ts";

export interface PulseRate {
  lines: number;
  seconds: number;
  generated: number;
  counted: number;
  /** Generated and not counted, over all lines. */
  lost: number;
  perSecond: number;
  /** Events for which there was no room while the loop was stalled; their numbers told of them. */
  dropped: number;
}

/** Who is stalled for two seconds in the middle of it. */
export type Stalled = "none" | "device" | "loop";

const PULSES_PER_SECOND = 10_000;
const STALL_MS = 2_000;
const TOTAL = 1e12;

/** 10,000 pulses a second on each line for so many seconds of wall time. */
export async function measurePulseRate(
  lines: number,
  seconds: number,
  stalled: Stalled = "none",
): Promise<PulseRate> {
  const bench = await openEdgeBench(lines, 0);
  const ids = Array.from({ length: lines }, (_, i) => String(i));
  try {
    for (const outlet of ids) {
      const meter = "pulses";
      bench.loop.send({ do: "grant", session: outlet, outlet, meter, pulses: TOTAL, total: TOTAL });
    }
    const ends = ids.map((id) => bench.report((report) => isEnd(report, id)));
    const made = bench.pulses({
      ...{ lines, perSecond: PULSES_PER_SECOND, perLine: PULSES_PER_SECOND * seconds },
      pace: "catch-up",
    });
    const stalling = setTimeout(() => stallOne(stalled, bench.loop.pid()), (seconds * 1000) / 2);
    const { generated, dropped, seconds: took } = await made;
    clearTimeout(stalling);
    for (const session of ids) {
      bench.loop.send({ do: "stop", session, reason: "consumer-end" });
    }
    const counted = (await Promise.all(ends)).map(countOf);
    const all = generated.reduce((sum, one) => sum + one, 0);
    const lost = generated.reduce((sum, one, i) => sum + Math.abs(one - (counted[i] ?? 0)), 0);
    const total = counted.reduce((sum, one) => sum + one, 0);
    const perSecond = Math.round(all / took);
    return { lines, seconds: took, generated: all, counted: total, lost, perSecond, dropped };
  } finally {
    await bench.close();
  }
}

function isEnd(report: LoopReport, session: string): boolean {
  return report.on === "stopped" && report.session === session;
}

function countOf(report: LoopReport): number {
  if (report.on !== "stopped") throw new Error(`the loop said ${report.on}`);
  if (report.reason !== "consumer-end") throw new Error(`the loop stopped: ${report.reason}`);
  return report.endReading - report.startReading;
}

function stallOne(stalled: Stalled, loop: number | undefined): void {
  if (stalled === "device") stall(STALL_MS);
  if (stalled !== "loop" || loop === undefined) return;
  process.kill(loop, "SIGSTOP");
  setTimeout(() => process.kill(loop, "SIGCONT"), STALL_MS);
}

// Clock port on the operating system: the monotonic clock for durations, Date.now() for people.
// Node's timers may fire up to a millisecond early and overflow after 24.8 days; both are undone here.
// Node cannot ask the kernel about its time discipline, so the quality of the wall clock is judged by
// what the usual time daemons leave on disk.

import { existsSync, statSync } from "node:fs";
import { uptime } from "node:os";
import type { Alarm, Clock, Timer, WallQuality } from "../clock.ts";

/** A wall clock before this program was written cannot have been set. */
const WRITTEN_AT_MS = Date.UTC(2025, 10, 1);
/** Nor one that runs beyond what the seconds of certificates and receipts can hold. */
const ENDS_AT_MS = Date.UTC(2100, 0, 1);
/** The longest delay that setTimeout takes without wrapping to one millisecond. */
const DELAY_MS_MAX = 2 ** 31 - 1;
const QUALITY_FRESH_MS = 10_000;
/** An alarm keeps a timeout for each delay below this. */
const ALARM_MS_MAX = 32;

export interface SystemClockOptions {
  /** Exists only while a time daemon holds the clock in step. */
  flagFile?: string;
  /** Written by a time daemon after it has synchronised; counts when it was written since the last start. */
  driftFiles?: readonly string[];
}

/** Needs no closing; a pending timer keeps the process alive. */
export function openSystemClock(options: SystemClockOptions = {}): Clock {
  const flagFile = options.flagFile ?? "/run/systemd/timesync/synchronized";
  const driftFiles = options.driftFiles ?? ["/var/lib/chrony/drift", "/var/lib/ntp/ntp.drift"];
  let quality: WallQuality = "unset";
  let judgedAtMs = Number.NEGATIVE_INFINITY;
  return {
    monotonicMs,
    wallMs: () => Date.now(),
    wallQuality: () => {
      const nowMs = monotonicMs();
      if (nowMs - judgedAtMs >= QUALITY_FRESH_MS) {
        judgedAtMs = nowMs;
        quality = judgeWall(flagFile, driftFiles);
      }
      return quality;
    },
    at: wakeAt,
    alarm: openAlarm,
  };
}

/** The kernel's monotonic clock less ours, in milliseconds: what it stamped is dated by this and nothing else. */
export const KERNEL_AHEAD_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Of `performance.now()` every answer would be garbage; of this one the optimising compiler leaves none. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6 - KERNEL_AHEAD_MS;
}

function wakeAt(deadlineMs: number, wake: () => void): Timer {
  let timeout: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  const arm = (): void => {
    const delayMs = deadlineMs - monotonicMs();
    if (delayMs <= 0) immediate = setImmediate(wake);
    else timeout = setTimeout(expire, Math.min(Math.ceil(delayMs), DELAY_MS_MAX));
  };
  const expire = (): void => {
    if (monotonicMs() >= deadlineMs) wake();
    else arm();
  };
  arm();
  return {
    cancel: () => {
      clearTimeout(timeout);
      clearImmediate(immediate);
    },
  };
}

/**
 * One timeout of Node for each delay that was asked for, started again in place. A longer delay gets a millisecond
 * more, so that it does not fire early and has to be set twice; what an earlier setting left behind wakes nobody.
 */
function openAlarm(wake: () => void): Alarm {
  const timeouts: (NodeJS.Timeout | undefined)[] = [];
  /** The timeout that counts, by its delay; 0 when none does. */
  let armedMs = 0;
  let timer: Timer | undefined;
  // A number in place: as a variable of its own each new one would be garbage.
  const deadline = { ms: 0 };
  const arm = (): void => {
    const delayMs = Math.ceil(deadline.ms - monotonicMs());
    if (delayMs <= 0 || delayMs >= ALARM_MS_MAX) {
      timer = wakeAt(deadline.ms, wake);
      return;
    }
    const timeoutMs = delayMs > 2 ? delayMs + 1 : delayMs;
    armedMs = timeoutMs;
    const timeout = timeouts[timeoutMs];
    if (timeout === undefined) {
      timeouts[timeoutMs] = setTimeout(() => expire(timeoutMs), timeoutMs);
    } else timeout.refresh();
  };
  const expire = (timeoutMs: number): void => {
    if (timeoutMs !== armedMs) return;
    armedMs = 0;
    if (monotonicMs() < deadline.ms) arm();
    else wake();
  };
  const disarm = (): void => {
    armedMs = 0;
    timer?.cancel();
    timer = undefined;
  };
  return {
    set: (deadlineMs) => {
      disarm();
      deadline.ms = deadlineMs;
      arm();
    },
    clear: () => {
      disarm();
      for (const timeout of timeouts.splice(0)) clearTimeout(timeout);
    },
  };
}

function judgeWall(flagFile: string, driftFiles: readonly string[]): WallQuality {
  const nowMs = Date.now();
  if (nowMs < WRITTEN_AT_MS || nowMs >= ENDS_AT_MS) return "unset";
  if (existsSync(flagFile)) return "synchronised";
  const startedAtMs = nowMs - uptime() * 1000;
  for (const path of driftFiles) {
    const writtenAtMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (writtenAtMs !== undefined && writtenAtMs > startedAtMs) return "synchronised";
  }
  return "set";
}

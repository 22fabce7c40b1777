// Clock port on the operating system: performance.now() for durations, Date.now() for people.
// Node's timers may fire up to a millisecond early and overflow after 24.8 days; both are undone here.
// Node cannot ask the kernel about its time discipline, so the quality of the wall clock is judged by
// what the usual time daemons leave on disk.

import { existsSync, statSync } from "node:fs";
import { uptime } from "node:os";
import type { Clock, Timer, WallQuality } from "../clock.ts";

/** A wall clock before this program was written cannot have been set. */
const WRITTEN_AT_MS = Date.UTC(2025, 10, 1);
/** Nor one that runs beyond what the seconds of certificates and receipts can hold. */
const ENDS_AT_MS = Date.UTC(2100, 0, 1);
/** The longest delay that setTimeout takes without wrapping to one millisecond. */
const DELAY_MS_MAX = 2 ** 31 - 1;
const QUALITY_FRESH_MS = 10_000;

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
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    wallQuality: () => {
      const nowMs = performance.now();
      if (nowMs - judgedAtMs >= QUALITY_FRESH_MS) {
        judgedAtMs = nowMs;
        quality = judgeWall(flagFile, driftFiles);
      }
      return quality;
    },
    at: wakeAt,
  };
}

function wakeAt(deadlineMs: number, wake: () => void): Timer {
  let timeout: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  const arm = (): void => {
    const delayMs = deadlineMs - performance.now();
    if (delayMs <= 0) immediate = setImmediate(wake);
    else timeout = setTimeout(expire, Math.min(Math.ceil(delayMs), DELAY_MS_MAX));
  };
  const expire = (): void => {
    if (performance.now() >= deadlineMs) wake();
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

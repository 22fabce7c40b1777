// The computer's watchdog as a device uses it: armed when it is ready, fed from then on, disarmed in the end.
// A device sells without it, too: what is wrong with it is told once.

import { HalError } from "../hal-error.ts";
import { openWatchdog, type Watchdog } from "./watchdog.ts";

export interface WatchdogFeeder {
  /** Answers how long it waits from now on, in milliseconds; undefined where there is none. */
  arm(): number | undefined;
  /**
   * Nothing before it is armed. One that could not be fed is tried again the next time: behind a bus it may have missed one
   * word only, and a watchdog that nobody feeds any more resets a computer that is well.
   */
  feed(): void;
  /** Disarms it. Idempotent. */
  close(): Promise<void>;
}

export interface FeederEvents {
  onArmed(watchdog: Watchdog): void;
  onLost(error: HalError): void;
}

/** Does nothing where no path is given. */
export function openWatchdogFeeder(
  path: string | undefined,
  { onArmed, onLost }: FeederEvents,
  open: (path: string) => Watchdog = openWatchdog,
): WatchdogFeeder {
  let watchdog: Watchdog | undefined;
  let closed = false;
  let isLost = false;
  const attempt = (work: () => void): void => {
    try {
      work();
      isLost = false;
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      if (!isLost) onLost(error);
      isLost = true;
    }
  };
  return {
    arm: () => {
      if (path !== undefined && !closed && watchdog === undefined) {
        attempt(() => {
          watchdog = open(path);
          onArmed(watchdog);
        });
      }
      return watchdog?.timeoutMs;
    },
    feed: () => {
      const fed = watchdog;
      if (fed !== undefined) attempt(() => fed.feed());
    },
    close: async () => {
      closed = true;
      await watchdog?.close();
    },
  };
}

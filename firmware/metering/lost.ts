// A port that broke reads as "lost" in the metering loop, which opens what hangs on it and goes on.

import { HalError } from "../../hal/hal-error.ts";

/** Runs a call of a port; only trouble of the world is caught, our own bugs go on up. */
export function unlessLost<T>(call: () => T): T | "lost" {
  try {
    return call();
  } catch (error) {
    if (error instanceof HalError) return "lost";
    throw error;
  }
}

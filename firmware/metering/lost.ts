// A port that broke reads as "lost" in the metering loop, which opens what hangs on it and goes on.

import { HalError } from "../../hal/hal-error.ts";

/** Runs a call of a port; only trouble of the world is caught, our own bugs go on up. */
export function unlessLost<T>(call: () => T): T | "lost" {
  try {
    return call();
  } catch (error) {
    return lostBy(error);
  }
}

/** The same for whoever catches for himself, because a function made anew at each call is garbage. */
export function lostBy(error: unknown): "lost" {
  if (error instanceof HalError) return "lost";
  throw error;
}

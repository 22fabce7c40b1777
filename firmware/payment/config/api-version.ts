// The version of what flow services are written against. Services and flows of another major version take no part;
// the major version is the whole number before the first dot, however many digits it has.

export const FLOW_API_VERSION = "1.0.0";

/** Undefined where the text is no version. */
export function majorOf(version: string): number | undefined {
  const digits = /^(\d{1,6})(?:[.+-]|$)/.exec(version)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export const FLOW_API_MAJOR = 1;

// What the tests of the model build on: the value or the fault of a result, and amounts in short.

import type { FaultKind } from "../../../../firmware/fault.ts";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import { newAmounts } from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import { deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import type { Result } from "../../../../firmware/result.ts";

export function value<T>(result: Result<T>): T {
  if (!result.ok)
    throw new Error(`${result.fault.kind} at ${result.fault.at}: ${result.fault.message}`);
  return result.value;
}

/** "out-of-range at base". */
export function fault(result: Result<unknown>): `${FaultKind} at ${string}` | "ok" {
  return result.ok ? "ok" : `${result.fault.kind} at ${result.fault.at ?? ""}`;
}

/** In pounds. */
export function pounds(base: number, additional: Readonly<Record<string, number>> = {}): Amounts {
  return deepFreeze(value(newAmounts("GBP", base, additional)));
}

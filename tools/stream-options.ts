// Paying by the unit, as options: whether, how many units each proof pays for, and how many the device may deliver ahead
// of proof. What is not named is chosen within what the service allows, and said.

import type { Dealer } from "../firmware/consumer/dealer.ts";
import type { Purchase, StreamTerms } from "../firmware/consumer/purchase.ts";
import { STEP_UNITS_MAX, WINDOW_UNITS_MAX } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { countText } from "../firmware/units.ts";
import type { Command } from "./command.ts";
import type { Buyer } from "./consumer.ts";
import { integerOption, type OptionValues } from "./option-value.ts";
import type { ChosenPayment } from "./payment-options.ts";

export const STREAM_OPTIONS: Command["options"] = {
  step: { type: "string" },
  window: { type: "string" },
};

export const BY_THE_UNIT_OPTIONS: Command["options"] = {
  ...STREAM_OPTIONS,
  stream: { type: "boolean" },
};

export const BY_THE_UNIT_HELP = `  --stream           pay while it is delivered, unit by unit: the total is only held
                     (docs/streaming.md)
  --step K           with --stream: one proof of payment for every K units (default: 1)
  --window W         with --stream: the device delivers up to W units ahead of proof, which it
                     risks; with 0 you pay first (default: 1, where the service allows it)`;

/** What nobody said is undefined. */
export interface WantedStream {
  step: number | undefined;
  window: number | undefined;
}

/** Undefined where neither option was given. Error: `usage`. */
export function readStream(values: OptionValues): Result<WantedStream | undefined> {
  const step = integerOption(values, "step", { min: 1, max: STEP_UNITS_MAX });
  if (!step.ok) return step;
  const window = integerOption(values, "window", { min: 0, max: WINDOW_UNITS_MAX });
  if (!window.ok) return window;
  if (step.value === undefined && window.value === undefined) return ok(undefined);
  return ok({ step: step.value, window: window.value });
}

/** The same where paying by the unit is asked for apart. Undefined for in one piece. Error: `usage`. */
export function readByTheUnit(
  values: OptionValues,
  { cards, extrasMinor }: ChosenPayment,
): Result<WantedStream | undefined> {
  const read = readStream(values);
  if (!read.ok) return read;
  if (values["stream"] !== true) {
    if (read.value === undefined) return read;
    return fail("usage", "--step and --window go with --stream", "--stream");
  }
  if (cards.length > 1 || extrasMinor > 0) {
    return fail("usage", "--stream goes with one card, and with no extras", "--stream");
  }
  return ok(read.value ?? { step: undefined, window: undefined });
}

/** How a service is paid by the unit. Errors: the device's, `not-streamed`, `usage` for a window that it does not allow. */
export async function chooseStream(
  { out }: Buyer,
  dealer: Dealer,
  service: number,
  { step, window }: WantedStream,
): Promise<Result<StreamTerms>> {
  const listed = await dealer.requestServices();
  if (!listed.ok) return listed;
  const { windowMax } = listed.value.find((one) => one.service === service) ?? {};
  if (windowMax === undefined) {
    const words = `service ${service} is not paid by the unit: buy it without --stream, or take one of which sluice services says that it is`;
    return fail("not-streamed", words, "--stream");
  }
  if (window !== undefined && window > windowMax) {
    return fail("usage", `--window is at most ${windowMax} at service ${service}`, "--window");
  }
  const chosen = { step: step ?? 1, window: window ?? Math.min(1, windowMax) };
  out.say(`${termsText(chosen.step, chosen.window)} (--window: at most ${windowMax})`);
  out.emit({
    step: "stream",
    device: dealer.device,
    service,
    stepUnits: chosen.step,
    windowUnits: chosen.window,
    windowMax,
  });
  return ok(chosen);
}

/** The same for an order that is there: as before, where nothing is said. Error: `not-streamed`. */
export function streamOf(
  { out }: Buyer,
  { stream }: Purchase,
  wanted: WantedStream | undefined,
): Result<StreamTerms | undefined> {
  if (stream === undefined) {
    if (wanted === undefined) return ok(undefined);
    const words = "the order was paid in one piece: leave out --step and --window";
    return fail("not-streamed", words, wanted.window === undefined ? "--step" : "--window");
  }
  const { step = stream.step, window = stream.window } = wanted ?? {};
  out.say(termsText(step, window));
  return ok({ step, window });
}

function termsText(step: number, window: number): string {
  const proofs = step === 1 ? "a proof for every unit" : `a proof for every ${step} units`;
  if (window === 0) return `paid by the unit: ${proofs}, before it is delivered`;
  return `paid by the unit: ${proofs}, up to ${countText(window, "unit")} delivered ahead of it`;
}

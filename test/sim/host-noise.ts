// A payment host behind a bad line: calls that never arrive, or twice, answers that are lost, late or repeated, drawn
// by chance; a flow service behind such a line; and the places around each call at which the power may fail.

import type { CallListener, FlowService } from "../../firmware/payment/engine/service.ts";
import { after, type Clock } from "../../hal/clock.ts";
import type { HostAnswer, PaymentHost } from "../../hal/payment-host.ts";
import type { Random } from "../../hal/sim/random.ts";

export const NOISES = ["quiet", "noisy"] as const;
export type Noise = (typeof NOISES)[number];

/** How long the line waits for what never comes, and when a late answer comes. */
const NO_ANSWER_MS = 5_000;
const LATE_MS = 8_000;

export type HostPlace = "before send" | "after send" | "after answer";

export interface NoiseOptions {
  noise: Noise;
  random: Random;
  clock: Clock;
  /** True where the power failed at this place: nobody hears anything any more. */
  cut(place: HostPlace, attempt: string): boolean;
}

const FATES = ["request lost", "request twice", "answer lost", "answer late", "answer twice"];

/** Undefined where all goes well. */
function fateOf({ noise, random }: NoiseOptions): string | undefined {
  return noise === "quiet" ? undefined : FATES[random.below(2 * FATES.length)];
}

export function noisyHost(host: PaymentHost, options: NoiseOptions): PaymentHost {
  const { clock, cut } = options;
  let late: (attempt: string, answer: HostAnswer) => void = () => undefined;
  const never = <T>(): Promise<T> => new Promise(() => undefined);
  const pause = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      after(clock, delayMs, resolve);
    });
  const call = async (attempt: string, ask: () => Promise<HostAnswer>): Promise<HostAnswer> => {
    const fate = fateOf(options);
    if (cut("before send", attempt)) return never();
    if (fate === "request lost") {
      await pause(NO_ANSWER_MS);
      return { kind: "no-answer" };
    }
    const asked = ask();
    if (fate === "request twice") void ask().catch(() => undefined);
    if (cut("after send", attempt)) return never();
    const answer = await asked;
    if (cut("after answer", attempt)) return never();
    const isLate = fate === "answer late";
    if (isLate || fate === "answer twice") after(clock, LATE_MS, () => late(attempt, answer));
    if (!isLate && fate !== "answer lost") return answer;
    await pause(NO_ANSWER_MS);
    return { kind: "no-answer" };
  };
  return {
    canQuery: host.canQuery,
    publicKey: host.publicKey,
    simulated: host.simulated,
    tokenise: (...args) => call(args[0], () => host.tokenise(...args)),
    authorise: (...args) => call(args[0], () => host.authorise(...args)),
    capture: (...args) => call(args[0], () => host.capture(...args)),
    refund: (...args) => call(args[0], () => host.refund(...args)),
    reverse: (...args) => call(args[0], () => host.reverse(...args)),
    query: (attempt) => call(attempt, () => host.query(attempt)),
    onLateAnswer: (listener) => {
      late = listener;
      host.onLateAnswer(listener);
    },
  };
}

/** What it does it does; whether anybody hears of it is another matter. */
export function noisyService(service: FlowService, options: NoiseOptions): FlowService {
  const { id, stages } = service;
  return {
    id,
    stages,
    info: () => service.info(),
    refused: (error, message) => service.refused(error, message),
    onInfoChanged: (listener) => service.onInfoChanged(listener),
    call: (call, listener) => {
      const nobody = { tell: () => undefined };
      const fate = fateOf(options);
      if (options.cut("before send", id) || fate === "request lost") return nobody;
      const heard: CallListener = {
        acknowledged: () => listener.acknowledged(),
        audit: (severity, text) => listener.audit(severity, text),
        event: (event) => listener.event(event),
        failed: (code, message) => listener.failed(code, message),
        respond: (request, output) => {
          if (options.cut("after send", id) || fate === "answer lost") return;
          const say = (): void => listener.respond(request, output);
          if (fate !== "answer late") say();
          if (fate === "answer late" || fate === "answer twice") after(options.clock, LATE_MS, say);
        },
      };
      return service.call(call, heard);
    },
  };
}

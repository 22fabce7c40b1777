// The engine's side of one stage call, for tests of what services do: keeps what they say, and can tell them things.

import { DEFAULT_SETTINGS } from "../../../../firmware/payment/config/settings.ts";
import type {
  CalledStage,
  FlowService,
  RunningCall,
  StageInputs,
} from "../../../../firmware/payment/engine/service.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import { checkAnswer } from "../../../../firmware/payment/rules/rules.ts";
import {
  definePaymentFlowService,
  type StageModels,
} from "../../../../firmware/payment/sdk/define-service.ts";
import type { InfoParts } from "../../../../firmware/payment/sdk/info-parts.ts";
import { INPUTS } from "../rules/rule-inputs.ts";

export class PlayedCall<S extends CalledStage> {
  readonly said: { kind: string; what?: unknown }[] = [];
  readonly answers: { id: string; output: unknown }[] = [];
  readonly failures: { code: string; message: string }[] = [];
  readonly #running: RunningCall;
  readonly #stage: S;
  readonly #input: StageInputs[S];
  readonly #info: ServiceInfo;

  constructor(service: FlowService, stage: S, input: StageInputs[S], info: ServiceInfo) {
    this.#stage = stage;
    this.#input = input;
    this.#info = info;
    const call = {
      id: "call",
      stage,
      flowType: "sale",
      initiator: "till",
      background: false,
      input,
    };
    this.#running = service.call(call, {
      acknowledged: () => this.said.push({ kind: "acknowledged" }),
      audit: (severity, text) => this.said.push({ kind: "audit", what: [severity, text] }),
      event: (event) => this.said.push({ kind: "event", what: event }),
      respond: (id, output) => this.answers.push({ id, output }),
      failed: (code, message) => this.failures.push({ code, message }),
    });
  }

  tell(event: FlowEvent): void {
    this.#running.tell(event);
  }

  /** Lets everything happen that waits for nothing but its turn. */
  async settled(): Promise<this> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    return this;
  }

  /** The one answer as the gate takes it. */
  get taken() {
    const [answer] = this.answers;
    if (answer === undefined || this.answers.length > 1) {
      throw new Error(
        `not one answer but ${this.answers.length}: ${JSON.stringify(this.failures)}`,
      );
    }
    const context = { info: this.#info, settings: DEFAULT_SETTINGS, confirmed: {} };
    const checked = checkAnswer(this.#stage, this.#input, answer.output, context);
    if (!checked.ok) throw new Error(`${checked.rejection}: ${checked.message}`);
    return checked;
  }
}

export const ABLE: InfoParts = {
  id: "service",
  vendor: "Vendor",
  displayName: "Service",
  canAdjustAmounts: true,
  canPayAmounts: true,
  paymentMethods: ["reward", "card"],
};

/** Calls a service that does this in that stage, and waits until nothing more happens. */
export async function play<S extends CalledStage>(
  stage: S,
  handler: (model: StageModels[S]) => void | Promise<void>,
  input: StageInputs[S] = INPUTS[stage],
  info: InfoParts = ABLE,
): Promise<PlayedCall<S>> {
  const service = definePaymentFlowService({ info, stages: { [stage]: handler } });
  return new PlayedCall(service, stage, input, await service.info()).settled();
}

/** What the handler is thrown when it does this: the code of an SdkError, or what else it was. */
export async function thrownBy<S extends CalledStage>(
  stage: S,
  act: (model: StageModels[S]) => void,
  input: StageInputs[S] = INPUTS[stage],
  info: InfoParts = ABLE,
): Promise<unknown> {
  let thrown: unknown;
  const attempt = (model: StageModels[S]): void => {
    try {
      act(model);
    } catch (error) {
      thrown = error;
    }
  };
  await play(stage, attempt, input, info);
  return (thrown as { rejection?: string } | undefined)?.rejection ?? thrown;
}

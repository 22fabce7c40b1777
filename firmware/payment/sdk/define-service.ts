// A flow service from its info and one handler for each stage in which it takes part. The engine cannot tell whether
// the service runs in its own process or anywhere else.

import type {
  CalledStage,
  CallListener,
  FlowService,
  RunningCall,
  StageCall,
} from "../engine/service.ts";
import { callStranger } from "../engine/stranger.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { PaymentResponse } from "../model/payment.ts";
import type { Response } from "../model/request.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import { STAGES, type Stage } from "../model/stages.ts";
import type { ServiceError } from "../rules/rejection.ts";
import { CardReadingModel } from "./card-reading-model.ts";
import { GenericModel, PostGenericModel, StatusUpdateModel } from "./generic-models.ts";
import { type InfoParts, wholeInfo } from "./info-parts.ts";
import { PostFlowModel, PostTransactionModel } from "./post-models.ts";
import { PreFlowModel } from "./pre-flow-model.ts";
import { PreTransactionModel } from "./pre-transaction-model.ts";
import { ServiceCall } from "./service-call.ts";
import { SplitModel } from "./split-model.ts";
import type { StageModel } from "./stage-model.ts";
import { TransactionProcessingModel } from "./transaction-processing-model.ts";

export interface StageModels {
  PRE_FLOW: PreFlowModel;
  SPLIT: SplitModel;
  PRE_TRANSACTION: PreTransactionModel;
  PAYMENT_CARD_READING: CardReadingModel;
  POST_CARD_READING: PreTransactionModel;
  TRANSACTION_PROCESSING: TransactionProcessingModel;
  POST_TRANSACTION: PostTransactionModel;
  POST_FLOW: PostFlowModel;
  GENERIC: GenericModel;
  POST_GENERIC: PostGenericModel;
  STATUS_UPDATE: StatusUpdateModel;
}

/** What it set on its model is the answer once it returns. One that throws has failed; the flow goes on without it. */
export type StageHandlers = {
  readonly [S in CalledStage]?: (model: StageModels[S]) => void | Promise<void>;
};

export interface ServiceDefinition {
  readonly info: InfoParts;
  readonly stages: StageHandlers;
  /**
   * Where parts of the info come from elsewhere: asked each time the engine asks, it replaces fields of `info`. Slow ones
   * should answer what they know, and call `notifyInfoChanged` when they know more.
   */
  readonly latestInfo?: () => InfoChanges | Promise<InfoChanges>;
  /** The final response of a flow in which the service took part. */
  readonly ended?: (response: PaymentResponse | Response) => void;
  /** Told why the service takes no part; true when something was done about it. */
  readonly refused?: (error: ServiceError, message: string) => boolean | Promise<boolean>;
}
export type InfoChanges = Partial<Omit<InfoParts, "id">>;

export interface DefinedFlowService extends FlowService {
  info(): Promise<ServiceInfo>;
  /** The engine asks for the info again. */
  notifyInfoChanged(): void;
}

/** Throws SdkError `malformed` for info that is of no shape. */
export function definePaymentFlowService(definition: ServiceDefinition): DefinedFlowService {
  return new DefinedService(definition);
}

class DefinedService implements DefinedFlowService {
  readonly id: string;
  readonly stages: readonly Stage[];
  readonly #definition: ServiceDefinition;
  /** As the engine was last told. */
  #info: ServiceInfo;
  #onInfoChanged: () => void = () => {};

  constructor(definition: ServiceDefinition) {
    const { info, stages } = definition;
    this.#definition = definition;
    this.id = info.id;
    const implemented = Object.keys(stages).filter((name) => Object.hasOwn(STAGES, name));
    this.stages = Object.freeze(implemented as Stage[]);
    this.#info = deepFreeze(wholeInfo(info, this.stages));
  }

  async info(): Promise<ServiceInfo> {
    const { info, latestInfo } = this.#definition;
    const changes = await latestInfo?.();
    this.#info = deepFreeze(wholeInfo({ ...info, ...changes, id: this.id }, this.stages));
    return this.#info;
  }

  async refused(error: ServiceError, message: string): Promise<boolean> {
    return (await this.#definition.refused?.(error, message)) ?? false;
  }

  onInfoChanged(listener: () => void): void {
    this.#onInfoChanged = listener;
  }

  notifyInfoChanged(): void {
    this.#onInfoChanged();
  }

  ended(response: PaymentResponse | Response): void {
    callStranger(
      () => this.#definition.ended?.(response),
      () => {},
    );
  }

  call(call: StageCall, listener: CallListener): RunningCall {
    const open = new ServiceCall(call, listener, this.#info);
    listener.acknowledged();
    // The caller holds the call before the handler runs.
    Promise.resolve()
      .then(() => this.#handle(open))
      .catch((error: unknown) => open.fail(textOf(error)));
    return { tell: (event) => open.tell(event) };
  }

  async #handle(open: ServiceCall<CalledStage>): Promise<void> {
    const { stage } = open.call;
    const handler = Object.hasOwn(this.#definition.stages, stage)
      ? this.#definition.stages[stage]
      : undefined;
    if (handler === undefined) {
      open.fail(`it does not implement ${stage}`, "stageNotSupported");
      return;
    }
    const model = newModel(open, this.#info.paymentMethods);
    await (handler as (model: StageModel<CalledStage>) => void | Promise<void>)(model);
    model.conclude();
  }
}

function newModel(
  open: ServiceCall<CalledStage>,
  methods: readonly string[],
): StageModel<CalledStage> {
  // The engine calls a stage with the input of that stage.
  const call = open as never;
  switch (open.call.stage) {
    case "PRE_FLOW":
      return new PreFlowModel(call);
    case "SPLIT":
      return new SplitModel(call);
    case "PRE_TRANSACTION":
    case "POST_CARD_READING":
      return new PreTransactionModel(call);
    case "PAYMENT_CARD_READING":
      return new CardReadingModel(call);
    case "TRANSACTION_PROCESSING":
      return new TransactionProcessingModel(call, methods);
    case "POST_TRANSACTION":
      return new PostTransactionModel(call);
    case "POST_FLOW":
      return new PostFlowModel(call);
    case "GENERIC":
      return new GenericModel(call);
    case "POST_GENERIC":
      return new PostGenericModel(call);
    case "STATUS_UPDATE":
      return new StatusUpdateModel(call);
  }
}

/** Never throws, whatever was thrown. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? `it failed: ${error.message}` : "it failed";
  } catch {
    return "it failed";
  }
}

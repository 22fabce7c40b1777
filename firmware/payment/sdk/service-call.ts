// One call as the service sees it: what it says to the engine and hears from it, and the one answer.

import { DEFAULT_SETTINGS } from "../config/settings.ts";
import {
  type CalledStage,
  type CallListener,
  SERVICE_EVENTS,
  type StageCall,
} from "../engine/service.ts";
import { callStranger } from "../engine/stranger.ts";
import { dataOf } from "../model/data-access.ts";
import type { FlowEvent } from "../model/flow-event.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { FlowError } from "../rules/rejection.ts";
import { checkAnswer } from "../rules/rules.ts";
import { SdkError } from "./sdk-error.ts";

export interface RejectedAnswer {
  readonly reason: string;
  /** Number of a rejection. */
  readonly code: number;
}

/** Settings and limits are the engine's to know: checked here is what no setting allows. */
const WIDEST_SETTINGS = { ...DEFAULT_SETTINGS, isCurrencyChangeAllowed: true };
const QUESTION_ID_CHARACTERS_MAX = 48;

/** Its author may have made it an async one. */
type Listener<T> = (value: T) => unknown;

export class ServiceCall<S extends CalledStage> {
  readonly call: StageCall<S>;
  readonly #listener: CallListener;
  readonly #info: ServiceInfo;
  readonly #waiting: {
    isAnswer: (event: FlowEvent) => boolean;
    done: Listener<FlowEvent | undefined>;
  }[] = [];
  readonly #onEvent: Listener<FlowEvent>[] = [];
  readonly #onAccepted: Listener<undefined>[] = [];
  readonly #onRejected: Listener<RejectedAnswer>[] = [];
  readonly #onFinish: Listener<undefined>[] = [];
  #isAnswered = false;
  #isFinished = false;
  #questions = 0;

  constructor(call: StageCall<S>, listener: CallListener, info: ServiceInfo) {
    this.call = call;
    this.#listener = listener;
    this.#info = info;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Nobody waits for the answer any more. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Throws SdkError where no engine would take this answer. */
  check(answer: unknown): void {
    const context = { info: this.#info, settings: WIDEST_SETTINGS, confirmed: {} };
    const checked = checkAnswer(this.call.stage, this.call.input, answer, context);
    if (!checked.ok) throw new SdkError(checked.rejection, checked.message);
  }

  /**
   * The one answer. Sent also when it is too late for it: a payment that was made must be known. Throws SdkError where
   * no engine would take it, or one was given.
   */
  answer(answer: unknown): void {
    if (this.#isAnswered) throw new SdkError("second-response", "an answer was given already");
    this.check(answer);
    this.#isAnswered = true;
    this.#stopWaiting();
    this.#listener.respond(this.call.id, answer);
  }

  /** In the place of an answer, where none was given. */
  fail(message: string, code: FlowError = "flowServiceError"): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#stopWaiting();
    this.#listener.failed(code, message);
  }

  audit(severity: "info" | "warning" | "error", text: string): void {
    this.#listener.audit(severity, text);
  }

  say(event: FlowEvent): void {
    this.#listener.event(event);
  }

  /** The event that answers this one; undefined when the engine waits for this service no longer. */
  ask(event: FlowEvent, isAnswer: (event: FlowEvent) => boolean): Promise<FlowEvent | undefined> {
    if (this.#isFinished || this.#isAnswered) return Promise.resolve(undefined);
    const answered = new Promise<FlowEvent | undefined>((done) => {
      this.#waiting.push({ isAnswer, done });
    });
    this.#listener.event(event);
    return answered;
  }

  /** Unique over all calls: the call's own id stands in it. */
  newQuestionId(): string {
    this.#questions++;
    const end = `.${this.#questions}`;
    return this.call.id.slice(-(QUESTION_ID_CHARACTERS_MAX - end.length)) + end;
  }

  onEvent(listener: Listener<FlowEvent>): void {
    this.#onEvent.push(listener);
  }

  onAccepted(listener: () => void): void {
    this.#onAccepted.push(listener);
  }

  onRejected(listener: Listener<RejectedAnswer>): void {
    this.#onRejected.push(listener);
  }

  onFinish(listener: () => void): void {
    this.#onFinish.push(listener);
  }

  /** From the engine. */
  tell(event: FlowEvent): void {
    switch (event.type) {
      case SERVICE_EVENTS.finishImmediately:
        this.#isFinished = true;
        this.#stopWaiting();
        each(this.#onFinish, undefined);
        break;
      case SERVICE_EVENTS.responseAccepted:
        each(this.#onAccepted, undefined);
        break;
      case SERVICE_EVENTS.responseRejected:
        each(this.#onRejected, {
          reason: dataOf(event.data, "rejectedReason", "text") ?? "",
          code: dataOf(event.data, "rejectedCode", "integer") ?? 0,
        });
        break;
      default:
        this.#answered(event);
    }
    each(this.#onEvent, event);
  }

  #answered(event: FlowEvent): void {
    const index = this.#waiting.findIndex(({ isAnswer }) => isAnswer(event));
    const [found] = index < 0 ? [] : this.#waiting.splice(index, 1);
    found?.done(event);
  }

  #stopWaiting(): void {
    for (const { done } of this.#waiting.splice(0)) done(undefined);
  }
}

/** One listener that throws keeps nothing from the others, nor from the engine. */
function each<T>(listeners: readonly Listener<T>[], value: T): void {
  for (const listener of listeners) {
    // The author's own trouble; the engine has nothing to do with it.
    callStranger(
      () => listener(value),
      () => {},
    );
  }
}

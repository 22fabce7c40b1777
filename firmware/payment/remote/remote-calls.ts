// The calls of one flow service that runs elsewhere: which are under way, which ended without an answer that may
// still come. An answer goes to the call that it names and to no other.

import type { CborValue } from "../../protocol/cbor.ts";
import { readCbor } from "../../protocol/schema.ts";
import type { CallListener, StageCall } from "../engine/service.ts";
import { STAGE_OUTPUTS } from "../rules/stage-shapes.ts";
import { UnfitAnswer } from "../rules/unfit-answer.ts";
import type { FlowMessage } from "./flow-messages.ts";

/** Calls that ended without an answer, whose answer is still taken: the engine gives back what a late one took. */
const LATE_MAX = 32;
/** A call that the engine gave up without a word is forgotten in the end. */
const OPEN_MAX = 128;

interface OpenCall {
  call: StageCall;
  listener: CallListener;
  /** Its own answer came. */
  isAnswered: boolean;
  /** Nobody waits for it any more. */
  isOver: boolean;
}

export class RemoteCalls {
  readonly #open = new Map<number, OpenCall>();
  #last = 0;

  /** Whether any is under way, so that the service must be there. */
  get isWorking(): boolean {
    return [...this.#open.values()].some(({ isOver, isAnswered }) => !isOver && !isAnswered);
  }

  /** Its number, which never comes twice. */
  begin(call: StageCall, listener: CallListener): number {
    this.#last += 1;
    this.#open.set(this.#last, { call, listener, isAnswered: false, isOver: false });
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= OPEN_MAX) break;
      this.fail(oldest, "the service has too many calls under way");
    }
    return this.#last;
  }

  has(number: number): boolean {
    return this.#open.has(number);
  }

  /** Nothing more is heard of it. */
  end(number: number): void {
    this.#open.delete(number);
  }

  /** The engine has refused an answer: its own, or one that was meant for another call. */
  rejected(number: number): void {
    if (this.#open.get(number)?.isAnswered) this.#open.delete(number);
  }

  /** The engine does not wait any more; an answer that comes all the same is passed on. */
  finish(number: number): void {
    const open = this.#open.get(number);
    if (open === undefined) return;
    open.isOver = true;
    const late = [...this.#open].filter(([, { isOver }]) => isOver);
    for (const [oldest] of late.slice(0, -LATE_MAX)) this.#open.delete(oldest);
  }

  acknowledged(number: number): void {
    this.#open.get(number)?.listener.acknowledged();
  }

  /** One call cannot be had from it. */
  fail(number: number, message: string): void {
    const open = this.#open.get(number);
    this.#open.delete(number);
    if (open !== undefined && !open.isOver && !open.isAnswered)
      open.listener.failed("flowServiceError", message);
  }

  /** None can, and no answer to those before will come. */
  failAll(message: string): void {
    for (const number of [...this.#open.keys()]) this.fail(number, message);
  }

  /** It could not be put: the service never hears of it. */
  unfit(number: number, answer: UnfitAnswer): void {
    const open = this.#open.get(number);
    this.#open.delete(number);
    open?.listener.respond(open.call.id, answer);
  }

  /** What the service says of a call; false when there is no such call. */
  heard(message: FlowMessage): boolean {
    const open = this.#open.get(message.call);
    if (open === undefined) return false;
    const { call, listener } = open;
    switch (message.is) {
      case "audit":
        listener.audit(message.severity, message.says);
        return true;
      case "event":
        listener.event(message.event);
        return true;
      case "response":
        open.isAnswered ||= (message.requestId ?? call.id) === call.id;
        listener.respond(message.requestId ?? call.id, outputOf(call, message.output));
        return true;
      case "unfit":
        open.isAnswered = true;
        listener.respond(call.id, new UnfitAnswer(message.code, message.why));
        return true;
      case "failure":
        this.#open.delete(message.call);
        listener.failed(message.code, message.why);
        return true;
      default:
        return false;
    }
  }
}

/** Undefined for the empty answer. */
function outputOf({ stage }: StageCall, output: CborValue | undefined): unknown {
  if (output === undefined) return undefined;
  const shape = STAGE_OUTPUTS[stage];
  if (shape === undefined) return new UnfitAnswer("not-in-stage", `${stage} takes no answer`);
  const read = readCbor<object>(shape as never, output, "response");
  return read.ok ? read.value : new UnfitAnswer("malformed", read.fault.message);
}

// The service's end of one session: puts a device's requests to the service and brings back what it says. When the
// session ends, what was under way for it is told to stop.

import type { Log } from "../../log.ts";
import { readCbor } from "../../protocol/schema.ts";
import type { Fault } from "../../result.ts";
import {
  type CallListener,
  type FlowService,
  type RunningCall,
  SERVICE_EVENTS,
  type StageCall,
} from "../engine/service.ts";
import { callStranger } from "../engine/stranger.ts";
import { deepFreeze } from "../model/freeze.ts";
import { type ServiceInfo, serviceInfo } from "../model/service-info.ts";
import type { Stage } from "../model/stages.ts";
import type { Rejection } from "../rules/rejection.ts";
import { STAGE_INPUTS, STAGE_OUTPUTS } from "../rules/stage-shapes.ts";
import {
  decodeFlowMessage,
  encodeFlowMessage,
  type FlowMessage,
  fitWords,
} from "./flow-messages.ts";
import { Line, type LineKeys, type LinePorts, UNRECEIVED_MAX } from "./line.ts";

/** Of one device, under way at once. */
const CALLS_MAX = 32;
const OVER_MAX = 16;
/** What is only said by the way leaves room for answers. */
const ASIDES_MAX = UNRECEIVED_MAX / 2;

/** What a service did, for whoever watches it: no models, hence no cards. */
export interface HostedCall {
  device: string;
  id: string;
  stage: string;
  flowType: string;
  how:
    | "called"
    | "answered"
    | "skipped"
    | "failed"
    | "unfit"
    | "accepted"
    | "rejected"
    | "finished";
  message?: string;
}

export interface HostSessionPorts extends LinePorts {
  log: Log;
  /** That the service implements and was granted: it says nothing of others. */
  stages: readonly Stage[];
  watch(call: HostedCall): void;
}

interface Working {
  call: StageCall;
  running: RunningCall | undefined;
  /** It was answered, or nobody waits for the answer. */
  isOver: boolean;
}

export class HostSession {
  readonly line: Line;
  readonly #service: FlowService;
  readonly #device: string;
  readonly #ports: HostSessionPorts;
  readonly #working = new Map<number, Working>();
  #over = false;

  constructor(
    service: FlowService,
    device: string,
    ports: HostSessionPorts,
    keys: LineKeys,
    lost: () => void,
  ) {
    this.#service = service;
    this.#device = device;
    this.#ports = ports;
    this.line = new Line(ports, keys, { message: (plain) => this.#heard(plain), lost });
  }

  /** Whether a call of it is under way. */
  get isWorking(): boolean {
    return [...this.#working.values()].some(({ isOver }) => !isOver);
  }

  infoChanged(): void {
    this.#send({ is: "info-changed", call: 0 });
  }

  /** The device does not wait for any of it. */
  close(): void {
    this.#over = true;
    this.line.close();
    for (const [number, working] of this.#working) {
      if (!working.isOver) this.#tell(number, { type: SERVICE_EVENTS.finishImmediately, data: {} });
    }
    this.#working.clear();
  }

  #heard(plain: Uint8Array): void {
    const decoded = decodeFlowMessage(plain, "device");
    if (!decoded.ok) {
      this.#dropped(decoded.fault);
      return;
    }
    const message = decoded.value;
    switch (message.is) {
      case "request":
        this.#request(message);
        break;
      case "tell":
        this.#tell(message.call, message.event);
        break;
      case "get-info":
        void this.#tellInfo(message.call);
        break;
      case "refused":
        void this.#refused(message);
        break;
      case "ended":
        this.#ended(message);
        break;
      default:
    }
  }

  #request(message: Extract<FlowMessage, { is: "request" }>): void {
    const { call: number, id, stage, flowType, initiator, background = false } = message;
    if (stage === "FULFILLED_CHECK" || !this.#ports.stages.includes(stage)) {
      const why = `${stage} is no stage of this service, or was not granted`;
      this.#send({ is: "failure", call: number, code: "stageNotSupported", why });
      return;
    }
    const input = readCbor<object>(STAGE_INPUTS[stage] as never, message.input, "request.input");
    if (!input.ok) {
      const why = fitWords(input.fault.message);
      this.#send({ is: "failure", call: number, code: "invalidRequest", why });
      return;
    }
    const working = [...this.#working.values()].filter(({ isOver }) => !isOver);
    if (working.length >= CALLS_MAX) {
      const why = "the service has too many calls under way";
      this.#send({ is: "failure", call: number, code: "busy", why });
      return;
    }
    const given = deepFreeze(input.value) as StageCall["input"];
    const call: StageCall = { id, stage, flowType, initiator, background, input: given };
    const begun: Working = { call, running: undefined, isOver: false };
    this.#working.set(number, begun);
    this.#watch(begun, "called");
    try {
      const running = this.#service.call(call, this.#listener(number, begun));
      begun.running = running;
      callStranger(
        () => running,
        (error) => this.#fail(number, begun, error),
      );
    } catch (error) {
      this.#fail(number, begun, error);
    }
  }

  #listener(number: number, working: Working): CallListener {
    return {
      // The line acknowledges what it has brought.
      acknowledged: () => {},
      audit: (severity, says) =>
        this.#aside({ is: "audit", call: number, severity, says: fitWords(says) }),
      event: (event) => this.#aside({ is: "event", call: number, event }),
      respond: (requestId, output) => this.#respond(number, working, requestId, output),
      failed: (code, message) => {
        this.#send({ is: "failure", call: number, code, why: fitWords(message) });
        this.#watch(working, "failed", message);
        this.#working.delete(number);
      },
    };
  }

  #respond(number: number, working: Working, requestId: string, output: unknown): void {
    const { id, stage } = working.call;
    const other = requestId === id ? {} : { requestId };
    if (requestId === id) this.#isOver(working);
    const shape = STAGE_OUTPUTS[stage];
    if (output === undefined || shape === undefined) {
      this.#send({ is: "response", call: number, ...other });
      this.#watch(working, "skipped");
      return;
    }
    try {
      const encoded = shape.toCbor(output as never);
      const sent = this.#send({ is: "response", call: number, ...other, output: encoded });
      if (sent === undefined) this.#watch(working, "answered");
      else this.#unfit(number, working, "too-large", sent.message);
    } catch (error) {
      this.#unfit(number, working, "malformed", wordsOf(error));
    }
  }

  #unfit(number: number, working: Working, code: Rejection, why: string): void {
    this.#send({ is: "unfit", call: number, code, why: fitWords(why) });
    this.#watch(working, "unfit", `${code}: ${why}`);
  }

  #fail(number: number, working: Working, error: unknown): void {
    const why = fitWords(`flow service failed: ${wordsOf(error)}`);
    this.#send({ is: "failure", call: number, code: "flowServiceError", why });
    this.#watch(working, "failed", why);
    this.#working.delete(number);
  }

  #tell(number: number, event: Extract<FlowMessage, { is: "tell" }>["event"]): void {
    const working = this.#working.get(number);
    if (working === undefined) return;
    const how = OUTCOMES[event.type];
    if (how !== undefined) {
      const reason = event.data["rejectedReason"];
      this.#watch(working, how, reason?.is === "text" ? reason.value : undefined);
      this.#isOver(working);
      if (how === "accepted") this.#working.delete(number);
    }
    callStranger(
      () => working.running?.tell(event),
      (error) => this.#threw(error),
    );
  }

  #threw(error: unknown): void {
    this.#ports.log("warn", "flow-service-threw", { message: wordsOf(error) });
  }

  /** What is over may still be answered, or be told of its outcome; not without bound. */
  #isOver(working: Working): void {
    working.isOver = true;
    const over = [...this.#working].filter(([, { isOver }]) => isOver);
    for (const [oldest] of over.slice(0, -OVER_MAX)) this.#working.delete(oldest);
  }

  async #tellInfo(number: number): Promise<void> {
    try {
      const { flowStages: _, ...info } = (await this.#service.info()) as ServiceInfo;
      const encoded = serviceInfo.toCbor({ ...info, stages: this.#ports.stages });
      this.#send({ is: "info", call: number, info: encoded });
    } catch (error) {
      this.#ports.log("error", "flow-service-info", { message: wordsOf(error) });
    }
  }

  async #refused({ call, code, why }: Extract<FlowMessage, { is: "refused" }>): Promise<void> {
    this.#ports.log("warn", "flow-service-refused", { device: this.#device, code, message: why });
    let handled = false;
    try {
      handled = (await this.#service.refused(code, why)) === true;
    } catch (error) {
      this.#threw(error);
    }
    this.#send({ is: "refused-answer", call, handled });
  }

  #ended({ payment, response }: Extract<FlowMessage, { is: "ended" }>): void {
    const given = payment ?? response;
    if (given === undefined) return;
    callStranger(
      () => this.#service.ended?.(deepFreeze(given)),
      (error) => this.#threw(error),
    );
  }

  /** Dropped when too much is under way already. */
  #aside(message: FlowMessage): void {
    if (this.line.unreceived >= ASIDES_MAX) return;
    try {
      this.#send(message);
    } catch (error) {
      this.#dropped({ kind: "malformed", message: wordsOf(error) });
    }
  }

  /** The fault of a message that is too large and was not sent. Throws for a model of the wrong shape. */
  #send(message: FlowMessage): Fault | undefined {
    if (this.#over) return undefined;
    const encoded = encodeFlowMessage(message);
    if (!encoded.ok) {
      this.#dropped(encoded.fault);
      return encoded.fault;
    }
    if (!this.line.send(encoded.value)) {
      this.#dropped({ kind: "too-many", message: "the device takes no more messages" });
    }
    return undefined;
  }

  #dropped({ kind, message }: Fault): void {
    this.#ports.log("warn", "flow-message-dropped", { device: this.#device, kind, message });
  }

  #watch({ call }: Working, how: HostedCall["how"], message?: string): void {
    const { id, stage, flowType } = call;
    const said = message === undefined ? {} : { message: fitWords(message) };
    this.#ports.watch({ device: this.#device, id, stage, flowType, how, ...said });
  }
}

const OUTCOMES: Readonly<Record<string, HostedCall["how"]>> = {
  [SERVICE_EVENTS.responseAccepted]: "accepted",
  [SERVICE_EVENTS.responseRejected]: "rejected",
  [SERVICE_EVENTS.finishImmediately]: "finished",
};

/** Never throws, whatever was thrown. */
function wordsOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.message}` : String(error);
  } catch {
    return "it threw something that has no words";
  }
}

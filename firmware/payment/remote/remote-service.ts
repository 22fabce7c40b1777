// A flow service that runs elsewhere, as the engine sees it: the same calls, listeners and answers as one of the
// process, brought over a sealed line. It may be dead, hang, answer late, twice or for another call: when the line
// is lost a call fails within seconds, and for the rest the engine's own limits hold.

import { after, type Timer } from "../../../hal/clock.ts";
import { readCbor } from "../../protocol/schema.ts";
import type { Fault } from "../../result.ts";
import type { FlowGrant } from "../../token/flow-grant.ts";
import { withoutCards } from "../engine/card-guard.ts";
import {
  type CallListener,
  type FlowService,
  type RunningCall,
  SERVICE_EVENTS,
  type ServiceRights,
  type StageCall,
} from "../engine/service.ts";
import type { FlowEvent } from "../model/flow-event.ts";
import type { PaymentResponse } from "../model/payment.ts";
import type { Response } from "../model/request.ts";
import { type ServiceInfo, serviceInfo } from "../model/service-info.ts";
import type { Stage } from "../model/stages.ts";
import type { ServiceError } from "../rules/rejection.ts";
import { STAGE_INPUTS } from "../rules/stage-shapes.ts";
import { UnfitAnswer } from "../rules/unfit-answer.ts";
import { DeviceSession, type SessionPorts } from "./device-session.ts";
import {
  decodeFlowMessage,
  encodeFlowMessage,
  type FlowMessage,
  fitWords,
} from "./flow-messages.ts";
import { stagesOf } from "./granted-stages.ts";
import { RemoteCalls } from "./remote-calls.ts";

/** How long a call waits for a session that is not there. */
const SESSION_WAIT_MS = 1_500;
/** Without a session for longer than this it is known to be away: no call waits. It is said hello to as often. */
const AWAY_MS = 5_000;
/** While calls are under way the service has to show so often that it lives. */
const PING_MS = 1_500;
/** To say whether it did something about being refused. */
const HANDLED_MS = 3_000;
const ASKED_MAX = 8;
const SILENT = "the service does not answer";
const AWAY = "the service is not connected";

export interface RemoteServicePorts extends SessionPorts {
  certificate: Uint8Array;
  /** The key that device and service share. */
  shared: Uint8Array;
  /** Why it may not be called at all now, such as an expired grant. */
  forbidden(): Fault | undefined;
  /** A frame or message of it was dropped. */
  dropped(fault: Fault): void;
}

/** An answer that the service owes: its info, or whether it did something about being refused. */
interface Asked {
  message: FlowMessage;
  isSent: boolean;
  answer(value: unknown): void;
  fail(): void;
}

export class RemoteService implements FlowService {
  readonly id: string;
  readonly remote = true;
  readonly rights: ServiceRights;
  readonly #grant: FlowGrant;
  readonly #ports: RemoteServicePorts;
  readonly #session: DeviceSession;
  readonly #calls = new RemoteCalls();
  readonly #waiting = new Map<number, { message: FlowMessage; limit: Timer }>();
  readonly #asked = new Map<number, Asked>();
  #claimed: readonly Stage[] | undefined;
  #instance = "";
  /** Since when there is no session, where there is none. */
  #awaySinceMs: number;
  #isInfoKnown = false;
  #ping: Timer | undefined;
  #asks = 0;
  #infoChanged: () => void = () => {};

  constructor(grant: FlowGrant, ports: RemoteServicePorts) {
    this.#grant = grant;
    this.#ports = ports;
    this.#awaySinceMs = ports.clock.monotonicMs();
    this.id = grant.id;
    const { adjust, pay, card } = grant;
    this.rights = { stages: stagesOf(grant.stages), adjust, pay, card };
    this.#session = new DeviceSession(ports, ports.certificate, ports.shared, {
      opened: (instance) => this.#opened(instance),
      message: (plain) => this.#heard(plain),
      doubted: () => this.#pingNow(),
      lost: () => this.#lost(),
      dropped: (fault) => ports.dropped(fault),
    });
  }

  /** What it says that it implements; what it was granted, before it has said. */
  get stages(): readonly Stage[] {
    return this.#claimed ?? this.rights.stages;
  }

  get isConnected(): boolean {
    return this.#session.line !== undefined;
  }

  begin(): void {
    this.#session.begin();
  }

  take(payload: Uint8Array): void {
    this.#session.take(payload);
  }

  /** Nothing is heard of it any more; what it was working on has failed. */
  close(): void {
    this.#session.close();
    this.#lost();
  }

  async info(): Promise<unknown> {
    const forbidden = this.#ports.forbidden();
    if (forbidden !== undefined) return { refused: "notEnrolled", message: forbidden.message };
    this.#isInfoKnown = false;
    const given = await this.#ask({ is: "get-info", call: this.#nextAsk() });
    if (given === undefined) return { refused: "unreachable", message: SILENT };
    const read = readCbor(serviceInfo, given as never, "info");
    if (!read.ok) return { refused: "invalidServiceInfo", message: read.fault.message };
    this.#isInfoKnown = true;
    this.#claimed = read.value.stages;
    return this.#overreach(read.value) ?? read.value;
  }

  async refused(error: ServiceError, message: string): Promise<boolean> {
    const call = this.#nextAsk();
    if (!this.isConnected) return false;
    return (await this.#ask({ is: "refused", call, code: error, why: fitWords(message) })) === true;
  }

  onInfoChanged(listener: () => void): void {
    this.#infoChanged = listener;
  }

  call(call: StageCall, listener: CallListener): RunningCall {
    const number = this.#calls.begin(call, listener);
    // The engine is told nothing before it has what this returns.
    void Promise.resolve().then(() => this.#request(number, call));
    return { tell: (event) => this.#tell(number, event) };
  }

  ended(given: PaymentResponse | Response): void {
    if (this.#ports.forbidden() !== undefined) return;
    const response = this.rights.card ? given : withoutCards(given);
    const message: FlowMessage =
      "payment" in response
        ? { is: "ended", call: 0, payment: response }
        : { is: "ended", call: 0, response };
    this.#send(message);
  }

  #request(number: number, call: StageCall): void {
    if (!this.#calls.has(number)) return;
    const { id, stage, flowType, initiator, background } = call;
    const barred = this.rights.stages.includes(stage)
      ? this.#ports.forbidden()?.message
      : `its grant does not cover the stage ${stage}`;
    if (barred !== undefined) {
      this.#calls.fail(number, barred);
      return;
    }
    const shown = this.rights.card ? call.input : withoutCards(call.input);
    const input = STAGE_INPUTS[stage].toCbor(shown as never);
    const asked = { id, stage, flowType, initiator, input, ...(background && { background }) };
    const message: FlowMessage = { is: "request", call: number, ...asked };
    if (this.isConnected) {
      this.#put(number, message);
      return;
    }
    if (this.#ports.clock.monotonicMs() - this.#awaySinceMs > AWAY_MS) {
      this.#calls.fail(number, AWAY);
      // Somebody needs it: the next call may find it.
      this.#session.begin();
      return;
    }
    const limit = after(this.#ports.clock, SESSION_WAIT_MS, () => {
      this.#waiting.delete(number);
      this.#calls.fail(number, SILENT);
    });
    this.#waiting.set(number, { message, limit });
    this.#session.begin();
  }

  #put(number: number, message: FlowMessage): void {
    const sent = this.#send(message, () => this.#calls.acknowledged(number));
    if (sent === "busy") this.#calls.fail(number, "the service has too much under way");
    else if (sent !== "sent") this.#calls.unfit(number, new UnfitAnswer("too-large", sent.message));
    this.#watch();
  }

  #tell(number: number, event: FlowEvent): void {
    const waiting = this.#waiting.get(number);
    if (waiting !== undefined) {
      if (event.type !== SERVICE_EVENTS.finishImmediately) return;
      waiting.limit.cancel();
      this.#waiting.delete(number);
      this.#calls.end(number);
      return;
    }
    if (!this.#calls.has(number)) return;
    const shown = this.rights.card ? event : withoutCards(event);
    this.#send({ is: "tell", call: number, event: shown });
    if (event.type === SERVICE_EVENTS.responseAccepted) this.#calls.end(number);
    else if (event.type === SERVICE_EVENTS.responseRejected) this.#calls.rejected(number);
    else if (event.type === SERVICE_EVENTS.finishImmediately) this.#calls.finish(number);
  }

  /** A `Fault` is `too-large`; "busy": too much is under way, or there is no session. */
  #send(message: FlowMessage, received?: () => void): "sent" | "busy" | Fault {
    const encoded = encodeFlowMessage(message);
    if (!encoded.ok) {
      this.#ports.dropped(encoded.fault);
      return encoded.fault;
    }
    return this.#session.line?.send(encoded.value, received) ? "sent" : "busy";
  }

  #opened(instance: string): void {
    this.#send({ is: "ready", call: 0 });
    for (const asked of this.#asked.values()) this.#sendAsked(asked);
    for (const [number, { message, limit }] of this.#waiting) {
      limit.cancel();
      // It may have failed while it waited: then nobody would hear what came of it.
      if (this.#calls.has(number)) this.#put(number, message);
    }
    this.#waiting.clear();
    const isOther = instance !== this.#instance;
    this.#instance = instance;
    const isAsking = [...this.#asked.values()].some(({ message }) => message.is === "get-info");
    if ((isOther || !this.#isInfoKnown) && !isAsking) this.#infoChanged();
  }

  #heard(plain: Uint8Array): void {
    const decoded = decodeFlowMessage(plain, "service");
    if (!decoded.ok) {
      this.#ports.dropped(decoded.fault);
      return;
    }
    const message = decoded.value;
    if (message.is === "info-changed") this.#infoChanged();
    else if (message.is === "info") this.#answered(message.call, message.info);
    else if (message.is === "refused-answer") this.#answered(message.call, message.handled);
    else if (!this.#calls.heard(message)) {
      const why = `${message.is} for call ${message.call}, which nobody put`;
      this.#ports.dropped({ kind: "out-of-order", message: why });
    }
  }

  #lost(): void {
    this.#awaySinceMs = this.#ports.clock.monotonicMs();
    this.#ping?.cancel();
    this.#ping = undefined;
    for (const { limit } of this.#waiting.values()) limit.cancel();
    this.#waiting.clear();
    for (const asked of [...this.#asked.values()]) asked.fail();
    this.#asked.clear();
    this.#calls.failAll(SILENT);
  }

  /** While it works it is asked now and then whether it lives: the line says when it does not. */
  #watch(): void {
    this.#ping ??= after(this.#ports.clock, PING_MS, () => {
      this.#ping = undefined;
      if (!this.isConnected || !this.#calls.isWorking) return;
      this.#pingNow();
      this.#watch();
    });
  }

  /** What is under way unanswered asks as well. */
  #pingNow(): void {
    if (this.#session.line?.unreceived === 0) this.#send({ is: "ping", call: 0 });
  }

  #nextAsk(): number {
    this.#asks += 1;
    return this.#asks;
  }

  /** Undefined when no answer came. */
  #ask(message: FlowMessage): Promise<unknown> {
    return new Promise((resolve) => {
      let limit: Timer | undefined;
      const end = (value: unknown): void => {
        limit?.cancel();
        this.#asked.delete(message.call);
        resolve(value);
      };
      const asked = { message, isSent: false, answer: end, fail: () => end(undefined) };
      limit = after(this.#ports.clock, HANDLED_MS, asked.fail);
      if (this.#asked.size >= ASKED_MAX) {
        asked.fail();
        return;
      }
      this.#asked.set(message.call, asked);
      if (this.isConnected) this.#sendAsked(asked);
      else this.#session.begin();
    });
  }

  #sendAsked(asked: Asked): void {
    if (asked.isSent) return;
    asked.isSent = true;
    if (this.#send(asked.message) !== "sent") asked.fail();
  }

  #answered(call: number, value: unknown): void {
    const asked = this.#asked.get(call);
    if (asked !== undefined) asked.answer(value);
    else this.#ports.dropped({ kind: "out-of-order", message: "an answer that nobody asked for" });
  }

  #overreach(info: ServiceInfo): { refused: ServiceError; message: string } | undefined {
    const { methods } = this.#grant;
    if (methods.length === 0) return undefined;
    const strange = info.paymentMethods.find((method) => !methods.includes(method));
    if (strange === undefined) return undefined;
    return {
      refused: "overReaching",
      message: `its grant does not let it pay by ${fitWords(strange)}`,
    };
  }
}

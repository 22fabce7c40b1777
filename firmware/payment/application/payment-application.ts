// The payment application: a flow service that takes part where money is charged, and stands between the flow and the
// payment host. Credentials reach it past the flow; what it answers holds all that reversal and completion need.

import type { Clock } from "../../../hal/clock.ts";
import type { HostDecline, PaymentHost } from "../../../hal/payment-host.ts";
import type { Log } from "../../log.ts";
import type {
  CallListener,
  FlowService,
  RunningCall,
  StageCall,
  StageInputs,
} from "../engine/service.ts";
import { SERVICE_EVENTS } from "../engine/service.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import { partialAuthorisation } from "../model/apportion.ts";
import type { Response } from "../model/request.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { TransactionRequest, TransactionResponse } from "../model/transaction.ts";
import { APPLICATION_STAGES, applicationInfo, PAYMENT_APPLICATION } from "./application-info.ts";
import { cardToCharge, NO_WORD, readAtBoard, tellPayer } from "./board-reading.ts";
import { Charge, type Charged, declinedText, type Entrusted } from "./charge.ts";
import { type Decided, FOREVER, HostCalls, Patience } from "./host-calls.ts";
import { bothSeen, cardSeen, referencesOf } from "./host-references.ts";
import {
  type Answered,
  closeBatch,
  followUp,
  identify,
  reverse,
  tokenise,
} from "./host-requests.ts";

/** Transactions that are remembered after their flow has ended, for answers that come late. */
const REMEMBERED_MAX = 256;
/** A card that the host has not read by then is charged unread. */
const IDENTIFY_MS = 20_000;

export interface PaymentApplicationPorts {
  host: PaymentHost;
  clock: Clock;
  log: Log;
}

/** What became of it, and how much the host had said that it took: 0 where nobody knows. */
export interface Abandoned {
  isUndone: boolean;
  amountMinor: number;
}

export interface PaymentApplication extends FlowService {
  /** Hands over what a transaction is charged to. */
  entrust(transactionId: string, entrusted: Entrusted): void;
  /** Why a transaction was not charged, as far as the host or we can say. */
  outcomeOf(transactionId: string): { why?: HostDecline; isGivenUp: boolean };
  /** Undoes all that the transaction may have charged; resolves when the host has answered; undefined: nothing was left to undo. */
  abandon(transactionId: string): Promise<Abandoned | undefined>;
  /** After a restart, when it was entrusted again: what the host says of its attempts, in their order. */
  findOut(transactionId: string): Promise<readonly { attempt: string; answer: Decided }[]>;
  /** Captures an attempt that was found out about. */
  captureFound(
    transactionId: string,
    attempt: string,
    answer: Extract<Decided, { kind: "approved" }>,
  ): Promise<boolean>;
  /**
   * The payer at the board wants no more: the reading of his card ends at once, and a terminal that asks for it stops.
   * False where no card is waited for.
   */
  cancelCard(transactionId: string): boolean;
  /** Its flow is over: its credentials are let go. */
  release(transactionId: string): void;
}

export function openPaymentApplication(ports: PaymentApplicationPorts): PaymentApplication {
  return new HostApplication(ports);
}

interface OpenCall {
  call: StageCall;
  listener: CallListener;
  /** The engine waits for its answer no longer. */
  isFinished: boolean;
}

class HostApplication implements PaymentApplication {
  readonly id = PAYMENT_APPLICATION;
  readonly stages = APPLICATION_STAGES;
  readonly #ports: PaymentApplicationPorts;
  readonly #calls: HostCalls;
  readonly #info: ServiceInfo;
  readonly #charges = new Map<string, Charge>();
  /** The last call that charged a transaction: an approval that comes late is told as its answer. */
  readonly #charging = new Map<string, OpenCall>();

  constructor(ports: PaymentApplicationPorts) {
    this.#ports = ports;
    this.#calls = new HostCalls(ports.host, ports.clock, (attempt, answer) =>
      this.#late(attempt, answer),
    );
    this.#info = applicationInfo(ports.host);
  }

  info(): Promise<ServiceInfo> {
    return Promise.resolve(this.#info);
  }

  refused(error: string, message: string): boolean {
    this.#ports.log("error", "payment-application-refused", { error, message });
    return false;
  }

  /** It never changes. */
  onInfoChanged(): void {}

  entrust(transactionId: string, entrusted: Entrusted): void {
    this.#charges.set(transactionId, this.#newCharge(transactionId, entrusted));
  }

  outcomeOf(transactionId: string): { why?: HostDecline; isGivenUp: boolean } {
    const charge = this.#charges.get(transactionId);
    const { why, isGivenUp = false } = charge ?? {};
    return why === undefined ? { isGivenUp } : { why, isGivenUp };
  }

  async abandon(transactionId: string): Promise<Abandoned | undefined> {
    const charge = this.#charges.get(transactionId);
    if (charge === undefined) return undefined;
    const { unreturnedMinor: amountMinor } = charge;
    // A reversal that another request asked for may have given up waiting; ours does not.
    let undone = await charge.undoAll();
    while (undone === "unanswered") undone = await charge.undoAll();
    if (undone === "refused") {
      this.#ports.log("error", "reversal-refused", { transaction: transactionId });
    }
    return amountMinor === undefined ? undefined : { isUndone: undone === "undone", amountMinor };
  }

  findOut(transactionId: string): Promise<readonly { attempt: string; answer: Decided }[]> {
    return this.#charges.get(transactionId)?.findOut() ?? Promise.resolve([]);
  }

  captureFound(
    transactionId: string,
    attempt: string,
    answer: Extract<Decided, { kind: "approved" }>,
  ): Promise<boolean> {
    const charge = this.#charges.get(transactionId);
    return charge?.captureFound(attempt, answer) ?? Promise.resolve(false);
  }

  cancelCard(transactionId: string): boolean {
    return this.#charges.get(transactionId)?.cancelCard() ?? false;
  }

  release(transactionId: string): void {
    this.#charges.get(transactionId)?.forgetCredentials();
    for (const [oldest, { entrusted }] of this.#charges) {
      if (this.#charges.size <= REMEMBERED_MAX) break;
      // One whose flow is not over is the only one that knows what it has to undo.
      if (entrusted !== undefined) continue;
      this.#charges.delete(oldest);
      this.#charging.delete(oldest);
    }
  }

  call(call: StageCall, listener: CallListener): RunningCall {
    const patience = new Patience(FOREVER);
    const open: OpenCall = { call, listener, isFinished: false };
    listener.acknowledged();
    this.#work(open, patience).catch((error: unknown) => {
      this.#ports.log("error", "payment-application-failed", { message: String(error) });
      listener.failed("unexpectedError", "the payment application failed");
    });
    return {
      tell: ({ type }) => {
        if (type !== SERVICE_EVENTS.finishImmediately) return;
        open.isFinished = true;
        patience.end();
      },
    };
  }

  async #work(open: OpenCall, patience: Patience): Promise<void> {
    const { call, listener } = open;
    const { stage } = call;
    if (stage === "TRANSACTION_PROCESSING" || stage === "PAYMENT_CARD_READING") {
      const request = call.input as StageInputs["TRANSACTION_PROCESSING"];
      const answer =
        stage === "PAYMENT_CARD_READING"
          ? await this.#read(request, open, patience)
          : await this.#process(request, open, patience);
      if (answer === undefined) return;
      if (answer.outcome === "declined")
        listener.audit("info", answer.outcomeMessage ?? "declined");
      listener.respond(call.id, answer);
    } else if (stage === "GENERIC") {
      const { id, type, data, background } = call.input as StageInputs["GENERIC"];
      const { success, message, data: told } = await this.#answer(id, type, data, patience);
      const outcomeMessage = message;
      listener.respond(call.id, {
        id,
        type,
        success,
        outcomeMessage,
        data: told,
        background,
      } satisfies Response);
    } else listener.failed("stageNotSupported", `${stage} is no stage of a payment application`);
  }

  /** The card at the board; else as the host knows it, where somebody in the flow wants to know; else it is skipped. */
  async #read(
    request: TransactionRequest,
    open: OpenCall,
    patience: Patience,
  ): Promise<TransactionResponse> {
    const { id, transactionId } = request;
    const charge = this.#charges.get(transactionId);
    const skipped = approved(id, { data: {} });
    if (charge?.board !== undefined) {
      const trouble = this.#troubleAtBoard(request, open);
      if (trouble !== undefined) return declined(id, trouble);
      const had = await readAtBoard(charge.board, request, open.listener, patience);
      if (had.kind === "declined") return declined(id, had.message);
      return had.kind === "read" ? approved(id, had.card) : skipped;
    }
    if (charge?.entrusted?.identify !== true) return skipped;
    const inTime = new Patience(this.#ports.clock.monotonicMs() + IDENTIFY_MS);
    patience.onEnd(() => inTime.end());
    const answer = await identify(this.#host(), charge, inTime);
    if (answer === undefined) return skipped;
    if (answer.kind === "approved") return approved(id, cardSeen(answer.card));
    return declined(id, answer.why, answer);
  }

  /** Nobody is asked for a card that could not be charged. */
  #troubleAtBoard({ amounts }: TransactionRequest, { listener }: OpenCall): string | undefined {
    const { currency } = amounts;
    const trouble = this.#ports.host.trouble?.({ amountMinor: totalOf(amounts), currency });
    if (trouble !== undefined) tellPayer(listener, trouble);
    return trouble;
  }

  /** Undefined where nobody waits any more, and nothing is held. */
  #process(
    request: TransactionRequest,
    open: OpenCall,
    patience: Patience,
  ): Promise<TransactionResponse | undefined> {
    switch (request.flowType) {
      case "sale":
      case "motoSale":
      case "deposit":
        return this.#charge(request, open, patience, true);
      case "preAuthorisation":
        return this.#charge(request, open, patience, false);
      case "preAuthCompletion":
        return this.#follow("capture", request, open, patience);
      case "refund":
      case "motoRefund":
        return this.#follow("refund", request, open, patience);
      default:
        return Promise.resolve(declined(request.id, `${request.flowType} charges nobody here`));
    }
  }

  async #charge(
    request: TransactionRequest,
    open: OpenCall,
    patience: Patience,
    isCaptured: boolean,
  ): Promise<TransactionResponse | undefined> {
    const { id, transactionId, amounts } = request;
    const total = totalOf(amounts);
    if (total === 0) return { ...approved(id, { data: {} }), amounts };
    const charge = this.#charges.get(transactionId) ?? this.#newCharge(transactionId, undefined);
    this.#charges.set(transactionId, charge);
    if (charge.board !== undefined) {
      const why =
        this.#troubleAtBoard(request, open) ??
        (await cardToCharge(charge.board, request, open.listener, patience));
      if (why !== undefined) return declined(id, why);
    }
    this.#charging.set(transactionId, open);
    const charged = await charge.take(total, amounts.currency, isCaptured, {
      givenUp: () => {
        if (charge.board !== undefined) tellPayer(open.listener, NO_WORD);
      },
      // Of the last one the answer itself tells.
      declined: (card, why) => open.listener.audit("info", declinedText(card, why)),
    });
    // Should the host approve after all, that is told as this call's late answer.
    if (charge.isAbandoned && open.isFinished) return undefined;
    this.#charging.delete(transactionId);
    if (charged.kind === "declined") {
      const why = charge.isGivenUp ? "the payment host does not answer: reversed" : charge.why;
      return declined(id, why ?? "declined", charged.answer);
    }
    return this.#approval(request, charged);
  }

  #approval(
    { id, transactionId, amounts }: TransactionRequest,
    { attempt, answer }: Extract<Charged, { kind: "approved" }>,
  ): TransactionResponse {
    const part = partialAuthorisation(amounts, answer.amountMinor);
    const { responseCode } = answer.record ?? {};
    const atBoard = this.#charges.get(transactionId)?.board?.card;
    return {
      ...approved(id, bothSeen(cardSeen(answer.card), atBoard)),
      // All of it: the amounts as they were asked for, which keeps each additional amount visible.
      amounts: answer.amountMinor === totalOf(amounts) || !part.ok ? amounts : part.value,
      references: referencesOf(transactionId, attempt, answer),
      ...(responseCode !== undefined && { responseCode: responseCode.slice(0, 16) }),
    };
  }

  async #follow(
    step: "capture" | "refund",
    request: TransactionRequest,
    open: OpenCall,
    patience: Patience,
  ): Promise<TransactionResponse | undefined> {
    const { id, transactionId, amounts } = request;
    const done = await followUp(step, this.#host(), request, patience);
    // It is asked again, under the same key: what it did meanwhile is no late approval, and stands.
    if (open.isFinished) return undefined;
    if (done === undefined) return declined(id, "no word of the payment host");
    const { attempt, answer } = done;
    if (answer.kind === "declined") return declined(id, answer.why, answer);
    return {
      ...approved(id, cardSeen(answer.card)),
      amounts,
      references: referencesOf(transactionId, attempt, answer),
    };
  }

  async #answer(
    id: string,
    type: string,
    data: StageInputs["GENERIC"]["data"],
    patience: Patience,
  ): Promise<Answered> {
    const host = this.#host();
    if (type === "reversal") {
      const known = (transaction: string) => this.#charges.get(transaction);
      const unknown = (transaction: string) => this.#newCharge(transaction, undefined);
      return reverse(host, data, known, unknown, patience);
    }
    if (type === "tokenisation") return tokenise(host, this.#charges.get(id), patience);
    if (type === "batchClosure") return closeBatch(this.#ports.host, `batch/${id}`);
    return { success: false, message: `${type} is no request of ours`, data: {} };
  }

  /** An approval after nobody waited for it any more: it is told as evidence. What it holds is being undone. */
  #late(attempt: string, answer: Decided): void {
    if (answer.kind !== "approved") return;
    for (const [transactionId, { call, listener }] of this.#charging) {
      if (this.#charges.get(transactionId)?.has(attempt) !== true) continue;
      this.#charging.delete(transactionId);
      const request = call.input as TransactionRequest;
      listener.respond(call.id, this.#approval(request, { kind: "approved", attempt, answer }));
      return;
    }
  }

  #host() {
    return { host: this.#ports.host, calls: this.#calls };
  }

  #newCharge(transactionId: string, entrusted: Entrusted | undefined): Charge {
    const { host, clock } = this.#ports;
    return new Charge({ host, clock, calls: this.#calls }, transactionId, entrusted);
  }
}

function approved(id: string, card: TransactionResponse["card"]): TransactionResponse {
  return { id, outcome: "approved", paymentMethod: "card", card, references: {} };
}

function declined(
  id: string,
  why: string,
  said: { responseCode?: string; message?: string } = {},
): TransactionResponse {
  const { responseCode, message } = said;
  return {
    id,
    outcome: "declined",
    outcomeMessage: (message ?? why).slice(0, 90),
    paymentMethod: "card",
    card: { data: {} },
    references: {},
    ...(responseCode !== undefined && { responseCode: responseCode.slice(0, 16) }),
  };
}

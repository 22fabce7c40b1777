// The money of one flow: what services took, what they may have taken, and how it is given back. Durable before the
// next service is asked for money, so that a power cut leaves nobody's money where it went.

import type { Clock } from "../../../hal/clock.ts";
import { type Amounts, NO_CURRENCY } from "../model/amounts.ts";
import { zeroAmounts } from "../model/amounts-arithmetic.ts";
import { type Data, NO_DATA } from "../model/data.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import type { FlowAudit } from "../record/flow-audit.ts";
import type { Tender, TenderJournal } from "../record/flow-journal.ts";
import type { TransactionState } from "./transaction-state.ts";
import type { Undo, UndoEnd } from "./undo.ts";

/** Flow types in which money goes to the payer, or was held before: an unknown outcome is the initiator's to settle. */
const NOT_TAKING: readonly string[] = ["refund", "motoRefund", "preAuthCompletion"];

/** Doubts are numbered apart, so that tenders count from 1 without a gap. */
const DOUBTS_FROM = 1000;

export interface TenderPorts {
  clock: Clock;
  journal: TenderJournal;
  undo: Undo;
  /** Work that outlives the flow. */
  later(work: Promise<unknown>): void;
  /** Something could not be given back yet: its record says so. */
  unanswered(): void;
}

export interface TenderFlow {
  id: string;
  type: string;
  initiator: string;
  /** Who started it writes down what was taken, and then removes the records of the flow. */
  hasBooks: boolean;
  audit: FlowAudit;
}

interface Kept {
  tender: Tender;
  /** Of the response. */
  id: string;
  isSaved: boolean;
}

export class Tenders {
  readonly #ports: TenderPorts;
  readonly #flow: TenderFlow;
  #kept: Kept[] = [];
  #count = 0;
  #doubtCount = 0;
  readonly #doubts: Promise<unknown>[] = [];

  constructor(ports: TenderPorts, flow: TenderFlow) {
    this.#ports = ports;
    this.#flow = flow;
  }

  /** Whether what is taken in this flow is taken from the payer. */
  get isTaking(): boolean {
    return !NOT_TAKING.includes(this.#flow.type);
  }

  took(transaction: TransactionState, response: TransactionResponse): void {
    const { service = "", amounts } = response;
    if (amounts === undefined) return;
    const tender = this.#tender(transaction.id, response, "taken");
    this.#kept.push({ tender, id: response.id, isSaved: false });
    this.#flow.audit.add("tendered", {
      service,
      transaction: transaction.id,
      text: sayAmounts(amounts),
    });
  }

  /** What was taken so far is durable afterwards. */
  async secure(): Promise<void> {
    for (const kept of this.#kept) {
      if (kept.isSaved) continue;
      kept.isSaved = true;
      await this.#ports.journal.save(kept.tender);
    }
  }

  /**
   * A service was asked for money, and nobody knows whether it took it: all that it may have taken in the transaction
   * is given back, and counts as paid no more.
   */
  doubt(transaction: TransactionState, service: string, evidence?: TransactionResponse): void {
    if (!this.isTaking) return;
    transaction.givenBack.add(service);
    transaction.withdraw((response) => response.service === service, "given back: outcome unknown");
    const isHis = ({ tender }: Kept): boolean =>
      tender.service === service && tender.transaction === transaction.id;
    // Each by its own references: they may be of different attempts.
    for (const { tender } of this.#kept.filter(isHis)) this.#later(this.#giveBack(tender));
    this.#kept = this.#kept.filter((kept) => !isHis(kept));
    const known = evidence ?? unknownResponse(service);
    this.#later(this.#giveBack(this.#tender(transaction.id, known, "undoing")));
  }

  /** Nobody waited any more for this answer, and it says that money moved. */
  late(transaction: TransactionState, evidence: TransactionResponse): void {
    const { service = "" } = evidence;
    const of = { service, transaction: transaction.id };
    this.#flow.audit.add("flagged", { ...of, severity: "error", code: "late-approval" });
    if (!this.isTaking) return;
    this.#later(this.#giveBack(this.#tender(transaction.id, evidence, "undoing")));
  }

  /** Gives back all that the flow took; what is given back counts as paid no more. */
  async undoAll(transactions: readonly TransactionState[]): Promise<void> {
    if (!this.isTaking) return;
    await this.secure();
    for (const { tender, id } of [...this.#kept].reverse()) {
      const end = await this.#giveBack(tender);
      if (end !== "undone") continue;
      const isIt = (response: TransactionResponse): boolean => response.id === id;
      for (const transaction of transactions) transaction.withdraw(isIt, "given back");
      this.#kept = this.#kept.filter((kept) => kept.id !== id);
    }
  }

  /** All that is in doubt has been answered, or given up. */
  async settled(): Promise<void> {
    await Promise.all(this.#doubts);
  }

  /**
   * A flow that is paid by one service leaves no record: whoever started it writes his own at once. Where nobody keeps
   * books of it, the response in the history is all that stays.
   */
  async finish(isFulfilled: boolean): Promise<void> {
    const isSaved = this.#kept.some((kept) => kept.isSaved);
    if (this.#flow.hasBooks) {
      if (!isFulfilled || this.#count + this.#doubtCount > 1) await this.secure();
    } else if (isSaved && this.#doubts.length === 0) {
      await this.#ports.journal.remove(this.#flow.id);
    }
  }

  #later(work: Promise<unknown>): void {
    this.#doubts.push(work);
    this.#ports.later(work);
  }

  async #giveBack(tender: Tender): Promise<UndoEnd> {
    const { journal, undo } = this.#ports;
    const { id: flow, initiator, audit } = this.#flow;
    await journal.save({ ...tender, state: "undoing" });
    const { service, transaction, references } = tender;
    const end = await undo.reverse({ flow, initiator, service, transaction, references, audit });
    if (end === "unanswered") this.#ports.unanswered();
    else if (end !== "open") {
      await journal.save({ ...tender, state: end === "undone" ? "undone" : "owed" });
    }
    return end;
  }

  #tender(transaction: string, response: TransactionResponse, state: Tender["state"]): Tender {
    const transactionId = { is: "text", value: transaction } as const;
    return {
      flow: this.#flow.id,
      transaction,
      n: state === "taken" ? ++this.#count : DOUBTS_FROM + ++this.#doubtCount,
      service: response.service ?? "",
      method: response.paymentMethod,
      amounts: response.amounts ?? zeroAmounts(NO_CURRENCY),
      references: { ...response.references, transactionId } satisfies Data,
      state,
      atMs: Math.max(0, this.#ports.clock.wallMs()),
    };
  }
}

function sayAmounts({ base, additional, currency }: Amounts): string {
  const extras = Object.entries(additional).filter(([, minor]) => minor > 0);
  return [`${base} ${currency}`, ...extras.map(([name, minor]) => `${name} ${minor}`)].join(", ");
}

function unknownResponse(service: string): TransactionResponse {
  return {
    id: "",
    outcome: "approved",
    paymentMethod: "",
    card: { data: NO_DATA },
    references: NO_DATA,
    service,
  };
}

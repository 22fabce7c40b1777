// A flow service that answers by chance, at once, late, twice, for another request or never, that may throw and flood,
// and the book of what it has taken. It keeps one promise, as a service that pays must: what it took for a transaction
// it gives back when it is asked to, and then it takes nothing for that transaction any more.

import type {
  CalledStage,
  CallListener,
  FlowEvent,
  FlowService,
  RunningCall,
  ServiceInfo,
  StageCall,
  StageInputs,
} from "../../firmware/payment/engine/service.ts";
import { SERVICE_EVENTS } from "../../firmware/payment/engine/service.ts";
import type { Amounts } from "../../firmware/payment/model/amounts.ts";
import { textOf } from "../../firmware/payment/model/data-access.ts";
import type { Stage } from "../../firmware/payment/model/stages.ts";
import type { TransactionRequest } from "../../firmware/payment/model/transaction.ts";
import { checkInfo } from "../../firmware/payment/registry/service-check.ts";
import { answerFor, type Pick } from "./chance-answers.ts";

const CALLED: readonly Stage[] = [
  "PRE_FLOW",
  "SPLIT",
  "PRE_TRANSACTION",
  "PAYMENT_CARD_READING",
  "POST_CARD_READING",
  "TRANSACTION_PROCESSING",
  "POST_TRANSACTION",
  "POST_FLOW",
  "GENERIC",
  "POST_GENERIC",
  "STATUS_UPDATE",
];
const PAYING: readonly CalledStage[] = [
  "SPLIT",
  "PRE_TRANSACTION",
  "POST_CARD_READING",
  "TRANSACTION_PROCESSING",
];

/** What services hold, by service and transaction: one entry for each taking, by the mark of its answer. */
export class Ledger {
  readonly #held = new Map<string, Map<string, number>>();
  readonly #gone = new Set<string>();

  isGone(key: string): boolean {
    return this.#gone.has(key);
  }

  take(key: string, mark: string, amountMinor: number): void {
    const takes = this.#held.get(key) ?? new Map<string, number>();
    takes.set(mark, amountMinor);
    this.#held.set(key, takes);
  }

  giveBack(key: string, marks: readonly string[]): void {
    const takes = this.#held.get(key);
    const named = marks.filter((mark) => takes?.has(mark));
    for (const mark of named) takes?.set(mark, 0);
    if (named.length > 0) return;
    this.#gone.add(key);
    takes?.clear();
  }

  heldMinor(key: string): number {
    return [...(this.#held.get(key)?.values() ?? [])].reduce((sum, one) => sum + one, 0);
  }

  keys(): readonly string[] {
    return [...this.#held.keys()];
  }
}

/** One call of one service, and what became of its first answer. */
export interface Said {
  service: string;
  stage: CalledStage;
  transaction?: string;
  input: StageInputs[CalledStage];
  /** Of the answer that was given first for this call. */
  mark?: string;
  output?: unknown;
  isAccepted: boolean;
}

export interface Chance {
  pick: Pick;
  /** Its services mostly answer, and at once: so that flows get to their end. */
  isCalm: boolean;
  ledger: Ledger;
  said: Said[];
  after(delayMs: number, run: () => void): void;
  mark(): string;
}

export type GivesBack = "always" | "in the end" | "never";

export interface ChanceInfo {
  id: string;
  canAdjustAmounts: boolean;
  canPayAmounts: boolean;
}

const infos = new Map<string, ServiceInfo>();

/** As the registry would have it; the same few over and over. */
export function infoOf(service: FlowService, of: ChanceInfo): ServiceInfo {
  const key = JSON.stringify(of);
  const known = infos.get(key);
  if (known !== undefined) return known;
  const checked = checkInfo(service, {
    ...of,
    packageName: of.id,
    vendor: "chance",
    displayName: of.id,
    serviceVersion: "1.0.0",
    apiVersion: "1.0.0",
    accessible: false,
    flowTypes: [],
    customRequestTypes: [],
    dataKeys: [],
    paymentMethods: ["card", "points"],
    currencies: [],
    additionalInfo: {},
    stages: [],
  });
  if (!checked.ok) throw new Error(checked.message);
  infos.set(key, checked.info);
  return checked.info;
}

export function chanceService(info: ChanceInfo, chance: Chance, givesBack: GivesBack): FlowService {
  const { id } = info;
  return {
    id,
    stages: CALLED.filter((stage) => info.canPayAmounts || stage !== "TRANSACTION_PROCESSING"),
    info: () => Promise.reject(new Error("it is not asked")),
    refused: () => false,
    onInfoChanged: () => {},
    call: (call, listener) =>
      call.flowType === "reversal"
        ? reverse(id, chance, givesBack, call as StageCall<"GENERIC">, listener)
        : new ChanceCall(info, chance, call, listener).start(),
  };
}

function reverse(
  id: string,
  { pick, ledger, after }: Chance,
  givesBack: GivesBack,
  { input }: StageCall<"GENERIC">,
  listener: CallListener,
): RunningCall {
  const key = `${id} ${textOf(input.data, "transactionId")}`;
  const isHeard = givesBack === "always" || (givesBack === "in the end" && pick(3) === 0);
  const isDone = isHeard || (givesBack === "in the end" && pick(2) === 0);
  if (isDone) ledger.giveBack(key, Object.keys(input.data));
  const { type, background } = input;
  const answer = { id: input.id, type, success: isDone, outcomeMessage: "", data: {}, background };
  const respond = (): void => listener.respond(input.id, answer);
  if (isHeard) after(pick(2) * pick(20_000), respond);
  else if (givesBack === "never" && pick(2) === 0) respond();
  return { tell: () => {} };
}

/** One call, answered in one of many manners. */
class ChanceCall {
  readonly #chance: Chance;
  readonly #call: StageCall;
  readonly #listener: CallListener;
  readonly #said: Said;
  readonly #mayPay: boolean;
  readonly #throwsWhenTold: boolean;
  #isAsking: { name: string; amountMinor: number } | undefined;

  constructor(info: ChanceInfo, chance: Chance, call: StageCall, listener: CallListener) {
    const { id: service, canPayAmounts } = info;
    this.#mayPay = canPayAmounts;
    this.#chance = chance;
    this.#call = call;
    this.#listener = listener;
    this.#throwsWhenTold = chance.pick(30) === 0;
    const { stage, input } = call;
    const transaction = transactionOf(call);
    const named = transaction === undefined ? {} : { transaction };
    this.#said = { service, stage, input, isAccepted: false, ...named };
    chance.said.push(this.#said);
  }

  start(): RunningCall {
    const { pick, after, isCalm } = this.#chance;
    if (pick(4) > 0) this.#listener.acknowledged();
    const manner = isCalm && pick(12) > 0 ? pick(14) : pick(24);
    if (manner < 12) this.#respond();
    else if (manner < 15) after(pick(60_000), () => this.#respond());
    else if (manner === 15) after(pick(500_000), () => this.#respond());
    else if (manner === 16) this.#takeSilently();
    else if (manner === 17) {
      this.#respond();
      this.#respond();
      after(pick(200_000), () => this.#respond());
    } else if (manner === 18) this.#respondForOthers();
    else if (manner === 19) {
      this.#takeSilently();
      throw new Error("a service that throws");
    } else if (manner === 20) {
      this.#takeSilently();
      const code = pick(2) === 0 ? "flowServiceError" : "nonsense";
      this.#listener.failed(code as "flowServiceError", "it says so");
    } else if (manner === 21) this.#flood();
    else this.#ask();
    return { tell: (event) => this.#told(event) };
  }

  #respond(requestId = this.#call.id): void {
    const { chance, call } = { chance: this.#chance, call: this.#call };
    const mark = chance.mark();
    const answer = answerFor(call.stage, call.input, chance, mark);
    const key = this.#key();
    // It holds its word: what it gave back it does not take again.
    // What it took it says in its first answer; what it says afterwards of the same call is noise.
    const isFirst = this.#said.mark === undefined;
    const isRefused = answer.tookMinor > 0 && key !== undefined && chance.ledger.isGone(key);
    const isPaying = PAYING.includes(call.stage);
    const output = isRefused ? this.#refusal() : answer.output;
    // One that may not pay, and does it all the same, says so at least.
    const isSaid = this.#mayPay || (requestId === this.#call.id && paysBy(answer.output));
    if (!isRefused && isFirst && isSaid && isPaying && key !== undefined && answer.tookMinor > 0) {
      chance.ledger.take(key, mark, answer.tookMinor);
    }
    this.#send(requestId, mark, output);
  }

  #send(requestId: string, mark: string, output: unknown): void {
    if (requestId === this.#call.id && this.#said.mark === undefined) {
      this.#said.mark = mark;
      this.#said.output = output;
    }
    this.#listener.respond(requestId, output);
  }

  #refusal(): unknown {
    const { stage, input } = this.#call;
    if (stage !== "TRANSACTION_PROCESSING") return undefined;
    const { id } = input as TransactionRequest;
    return { id, outcome: "declined", paymentMethod: "card", card: { data: {} }, references: {} };
  }

  /** Whatever became of it, nobody is told. */
  #takeSilently(): void {
    const { pick, ledger, mark } = this.#chance;
    const key = this.#key();
    const isPaying = this.#mayPay && PAYING.includes(this.#call.stage) && key !== undefined;
    if (isPaying && !ledger.isGone(key) && pick(2) === 0) ledger.take(key, mark(), 1 + pick(500));
  }

  /** So often that it is taken to be broken, or less often and then for the right one. */
  #respondForOthers(): void {
    const { pick } = this.#chance;
    const count = 1 + pick(10);
    for (let n = 0; n < count; n++) this.#listener.respond(`other-${n}`, { nonsense: true });
    if (count < 8 && pick(2) === 0) this.#respond();
  }

  #flood(): void {
    const { pick } = this.#chance;
    for (let n = pick(60); n >= 0; n--) {
      this.#listener.audit("info", `line ${n}`);
      this.#listener.event({ type: pick(2) === 0 ? "progressMessage" : "unheardOf", data: {} });
    }
    this.#respond();
  }

  /** For an extra; what comes of it is answered whether the payer said yes or not. */
  #ask(): void {
    const { pick } = this.#chance;
    const { stage } = this.#call;
    if (stage !== "PRE_TRANSACTION" && stage !== "POST_CARD_READING") {
      this.#respond();
      return;
    }
    const extra = { name: pick(4) === 0 ? "donation" : "tip", amountMinor: 1 + pick(120) };
    this.#isAsking = extra;
    const id = pick(6) === 0 ? "q" : this.#call.id;
    const value = { id, type: "extra", multiSelect: false, extra };
    const payload = { is: "confirmation-request", value } as const;
    this.#listener.event({ type: "confirmationRequest", data: { confirmationRequest: payload } });
  }

  #told(event: FlowEvent): void {
    if (event.type === SERVICE_EVENTS.responseAccepted) this.#said.isAccepted = true;
    const asked = this.#isAsking;
    if (event.type === "confirmationResponse" && asked !== undefined) {
      this.#isAsking = undefined;
      this.#answerWith(asked, event);
    }
    if (this.#throwsWhenTold) throw new Error("a service that throws when it is told");
  }

  #answerWith(extra: { name: string; amountMinor: number }, { data }: FlowEvent): void {
    const { pick, mark } = this.#chance;
    const payload = data["confirmationResponse"];
    const isYes = payload?.is === "confirmation-response" && payload.value.values[0] === "approve";
    if (!isYes && pick(3) > 0) {
      this.#send(this.#call.id, mark(), undefined);
      return;
    }
    const { amounts } = this.#call.input as TransactionRequest;
    const more = extra.amountMinor + (pick(8) === 0 ? 1 + pick(20) : 0);
    const additional = { ...amounts.additional };
    additional[extra.name] = (additional[extra.name] ?? 0) + more;
    this.#send(this.#call.id, mark(), { updatedAmounts: { ...amounts, additional } as Amounts });
  }

  #key(): string | undefined {
    const { service, transaction } = this.#said;
    return transaction === undefined ? undefined : `${service} ${transaction}`;
  }
}

function paysBy(output: unknown): boolean {
  if (typeof output !== "object" || output === null || !("amountsPaid" in output)) return false;
  return typeof output.amountsPaid === "object";
}

function transactionOf({ stage, input }: StageCall): string | undefined {
  if (stage === "SPLIT") return (input as StageInputs["SPLIT"]).id;
  return "transactionId" in input ? input.transactionId : undefined;
}

// One transaction at the payment host: its credentials, tried in turn, each by one attempt; and what has become of
// every attempt, so that all of it can be undone. The credentials come from the sale by a way of their own: no flow
// ever holds them.

import { type Clock, sleep } from "../../../hal/clock.ts";
import type {
  HostAmount,
  HostBinding,
  HostCredential,
  HostDecline,
  PaymentHost,
} from "../../../hal/payment-host.ts";
import { BoardCard } from "./board-card.ts";
import type { CardDesk } from "./card-desk.ts";
import { type Decided, FOREVER, type HostCalls, Patience } from "./host-calls.ts";
import { isUsableReference } from "./host-references.ts";

/** An attempt that is still undecided after this long is reversed. */
const GIVE_UP_MS = 60_000;
/** Nobody at the board is kept waiting for longer by a host that is there and does not decide. */
const BOARD_MS = 20_000;
/** How often is asked whether the host is still there. */
const LOOK_MS = 500;
/** Of one transaction, where nobody knows any more how many there were. */
const CREDENTIALS_MAX = 3;

/** What the sale hands over for one transaction, past the flow. */
export interface Entrusted {
  credentials: readonly HostCredential[];
  /** What every credential is bound to: the offer, and the most that the payer signed. */
  binding: HostBinding;
  /** Kept unread by the host beside a capture. */
  evidence: Uint8Array;
  /** Somebody in the flow wants to know the card before it is charged. */
  identify: boolean;
  /** Where the payer stands at the board: there are no credentials but those of the cards read here. */
  atBoard?: CardDesk;
}

export type Approval = Extract<Decided, { kind: "approved" }>;

interface Attempt {
  key: string;
  answer?: Decided;
  patience: Patience;
  undoing?: Promise<Decided | undefined>;
  /** The host asks for the card itself. */
  isPresent?: boolean;
  /** Somebody who asked for it heard what became of the undoing. */
  isUndoTold?: boolean;
}

export interface ChargePorts {
  host: PaymentHost;
  calls: HostCalls;
  clock: Clock;
}

/** The host says that it is so; that it will not; nothing in time. */
export type Undone = "undone" | "refused" | "unanswered";

/** What came of asking for money. */
export type Charged =
  | { kind: "approved"; attempt: string; answer: Approval }
  | { kind: "declined"; answer?: Extract<Decided, { kind: "declined" }> };

export interface TakingListener {
  givenUp?(): void;
  /** From 1. */
  declined?(credential: number, why: HostDecline): void;
}

export class Charge {
  readonly transactionId: string;
  readonly #ports: ChargePorts;
  /** Where the payer stands at the board. */
  readonly board: BoardCard | undefined;
  #entrusted: Entrusted | undefined;
  readonly #attempts: Attempt[] = [];
  #next = 0;
  #why: HostDecline | undefined;
  #isGivenUp = false;
  #isAbandoned = false;

  constructor(ports: ChargePorts, transactionId: string, entrusted: Entrusted | undefined) {
    this.#ports = ports;
    this.transactionId = transactionId;
    this.#entrusted = entrusted;
    const { atBoard, binding } = entrusted ?? {};
    this.board = atBoard && binding && new BoardCard(atBoard, binding);
  }

  /** Why the last credential was declined. */
  get why(): HostDecline | undefined {
    return this.#why;
  }

  /** Nobody could say in time what became of an attempt, so it was undone. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** It is being undone, or was. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** What the host said that it took and nobody asked back yet; undefined where there is no such attempt. */
  get unreturnedMinor(): number | undefined {
    const open = this.#attempts.filter((one) => one.answer?.kind !== "declined" && !one.isUndoTold);
    if (open.length === 0) return undefined;
    const minor = ({ answer }: Attempt) => (answer?.kind === "approved" ? answer.amountMinor : 0);
    return open.reduce((sum, attempt) => sum + minor(attempt), 0);
  }

  get entrusted(): Entrusted | undefined {
    return this.#entrusted;
  }

  /** The credentials are not needed any more. */
  forgetCredentials(): void {
    this.#entrusted = undefined;
    this.board?.forget();
  }

  /** False where no card is waited for, neither by a reader nor by the host. */
  cancelCard(): boolean {
    const { board } = this;
    const isReading = board?.isReading === true;
    board?.cancel();
    const isAsked = this.#attempts.some((one) => one.isPresent && one.answer === undefined);
    if (isAsked) void this.undoAll();
    return isReading || isAsked;
  }

  has(attempt: string): boolean {
    return this.#attempts.some(({ key }) => key === attempt);
  }

  /**
   * Tries the credentials that are left, in turn, until one gives at least a part of what is asked for. `heard` is
   * told when nobody waits any longer for the host's word (what it may have taken is undone before this resolves), and of
   * each credential that was declined, by its number, before the next one is tried.
   */
  async take(
    amountMinor: number,
    currency: string,
    isCaptured: boolean,
    heard: TakingListener = {},
  ): Promise<Charged> {
    const entrusted = this.#entrusted;
    let declined: Extract<Decided, { kind: "declined" }> | undefined;
    let untold: HostDecline | undefined;
    while (entrusted !== undefined && !this.#isGivenUp && !this.#isAbandoned) {
      const credential = this.#next < CREDENTIALS_MAX ? this.#credential(entrusted) : undefined;
      if (credential === undefined || currency !== entrusted.binding.currency) break;
      if (untold !== undefined) heard.declined?.(this.#next, untold);
      untold = undefined;
      const attempt = this.#begin(this.#next);
      this.#next += 1;
      attempt.isPresent = credential.kind === "present";
      const answer = await this.#authorise(attempt, credential, entrusted, amountMinor);
      if (answer?.kind === "declined") {
        declined = answer;
        this.#why = answer.why;
        untold = answer.why;
        continue;
      }
      if (answer !== undefined && (await this.#isKept(attempt, answer, entrusted, isCaptured))) {
        return { kind: "approved", attempt: attempt.key, answer };
      }
      if (answer === undefined) heard.givenUp?.();
      await this.#undo(attempt);
    }
    if (this.#next === 0) this.#why = "credential-invalid";
    return declined === undefined ? { kind: "declined" } : { kind: "declined", answer: declined };
  }

  /** Undoes every attempt, whatever became of it, also those after one that the host refuses to undo. */
  async undoAll(patience?: Patience): Promise<Undone> {
    this.#isAbandoned = true;
    let isRefused = false;
    for (const attempt of this.#attempts) {
      attempt.patience.end();
      if (attempt.answer?.kind === "declined") continue;
      const answer = await this.#undo(attempt, patience);
      if (answer === undefined) return "unanswered";
      attempt.isUndoTold = true;
      if (answer.kind === "declined") isRefused = true;
    }
    return isRefused ? "refused" : "undone";
  }

  /** Undoes one attempt of several. */
  async undo(key: string, patience?: Patience): Promise<boolean> {
    const attempt = this.#attempts.find((one) => one.key === key);
    attempt?.patience.end();
    if (attempt === undefined) return false;
    const answer = await this.#undo(attempt, patience);
    attempt.isUndoTold = answer !== undefined;
    return answer?.kind === "approved";
  }

  /** As `undoAll`, where nobody remembers the attempts: all that there may have been. */
  undoUnknown(patience?: Patience): Promise<Undone> {
    for (let n = this.#attempts.length; n < CREDENTIALS_MAX; n++) this.#begin(n);
    return this.undoAll(patience);
  }

  /**
   * After a restart: what the host says of each attempt that may have been made, in their order. An attempt that
   * never arrived, and all after it, are none. A host that cannot be asked knows of none.
   */
  async findOut(): Promise<readonly { attempt: string; answer: Decided }[]> {
    const { host, calls } = this.#ports;
    const found: { attempt: string; answer: Decided }[] = [];
    const { atBoard, credentials = [] } = this.#entrusted ?? {};
    // How many cards were read at the board was known to the life before alone.
    const most = atBoard === undefined ? credentials.length : CREDENTIALS_MAX;
    for (let n = 0; n < most; n++) {
      const attempt = this.#begin(n);
      if (!host.canQuery) continue;
      const answer = await calls.insist(attempt.key, () => host.query(attempt.key));
      if (answer?.kind === "declined" && answer.why === "unknown-reference") break;
      if (answer === undefined) break;
      attempt.answer = answer;
      if (answer.kind === "declined") this.#why = answer.why;
      found.push({ attempt: attempt.key, answer });
    }
    return found;
  }

  /** Captures what a found attempt holds. False when the host will not. */
  async captureFound(attempt: string, answer: Approval): Promise<boolean> {
    const known = this.#attempts.find(({ key }) => key === attempt);
    const entrusted = this.#entrusted;
    if (known === undefined || entrusted === undefined) return false;
    return this.#capture(known, answer, entrusted);
  }

  #credential({ credentials }: Entrusted): HostCredential | undefined {
    return this.board === undefined ? credentials[this.#next] : this.board.take();
  }

  #begin(n: number): Attempt {
    const key = `${this.transactionId}/authorise${n === 0 ? "" : `/${n + 1}`}`;
    const endMs = this.#ports.clock.monotonicMs() + GIVE_UP_MS;
    const attempt: Attempt = { key, patience: new Patience(endMs) };
    this.#attempts.push(attempt);
    return attempt;
  }

  /** Undefined when nobody could say in time. */
  async #authorise(
    attempt: Attempt,
    credential: HostCredential,
    { binding }: Entrusted,
    amountMinor: number,
  ): Promise<Decided | undefined> {
    const { host, calls } = this.#ports;
    const { key, patience } = attempt;
    const asked = amountMinor === binding.amountMinor ? [] : [amountMinor];
    const asking = calls.insist(
      key,
      () => host.authorise(key, credential, binding, ...asked),
      patience,
    );
    const isReadHere = this.board !== undefined && credential.kind !== "present";
    const amount = { amountMinor, currency: binding.currency };
    const answer = await (isReadHere ? this.#atBoard(attempt, asking, amount) : asking);
    if (answer === undefined) {
      this.#isGivenUp = true;
      return undefined;
    }
    attempt.answer = answer;
    if (answer.kind === "declined") return answer;
    const isSane =
      Number.isSafeInteger(answer.amountMinor) &&
      answer.amountMinor > 0 &&
      answer.amountMinor <= amountMinor &&
      isUsableReference(answer.reference);
    if (isSane) return answer;
    await this.#undo(attempt);
    return { kind: "declined", why: "declined" };
  }

  /** Who stands there is kept waiting for as long as the host is there; undefined when it has gone, or takes too long. */
  async #atBoard(
    { patience }: Attempt,
    asking: Promise<Decided | undefined>,
    amount: HostAmount,
  ): Promise<Decided | undefined> {
    const { host, clock } = this.#ports;
    const endMs = clock.monotonicMs() + BOARD_MS;
    let isAsking = true;
    const asked = asking.finally(() => {
      isAsking = false;
    });
    while (isAsking && clock.monotonicMs() < endMs && host.trouble?.(amount) === undefined) {
      await Promise.race([asked, sleep(clock, LOOK_MS)]);
    }
    if (!isAsking) return asked;
    patience.end();
    return undefined;
  }

  async #isKept(
    attempt: Attempt,
    answer: Approval,
    entrusted: Entrusted,
    isCaptured: boolean,
  ): Promise<boolean> {
    if (this.#isAbandoned) return false;
    if (!isCaptured) return true;
    const done = await this.#capture(attempt, answer, entrusted);
    if (!done) this.#why = "declined";
    return done && !this.#isAbandoned;
  }

  async #capture(attempt: Attempt, answer: Approval, entrusted: Entrusted): Promise<boolean> {
    const { host, calls } = this.#ports;
    const { reference, amountMinor } = answer;
    const key = stepKey(attempt.key, "capture");
    const amount = { amountMinor, currency: entrusted.binding.currency };
    // What is held is captured however long it takes, unless it is to be undone.
    attempt.patience = new Patience(this.#isAbandoned ? 0 : FOREVER);
    const captured = await calls.insist(
      key,
      () => host.capture(key, reference, amount, entrusted.evidence),
      attempt.patience,
    );
    return captured?.kind === "approved" && captured.amountMinor === amountMinor;
  }

  #undo(attempt: Attempt, patience = new Patience(FOREVER)): Promise<Decided | undefined> {
    const { host, calls } = this.#ports;
    const key = stepKey(attempt.key, "reverse");
    if (attempt.undoing === undefined) {
      const undoing = calls.insist(key, () => host.reverse(key, attempt.key), patience);
      attempt.undoing = undoing.then((answer) => {
        if (answer === undefined) delete attempt.undoing;
        return answer;
      });
    }
    return attempt.undoing;
  }
}

/** Of a credential that is not the last one. */
export function declinedText(credential: number, why: HostDecline): string {
  return `the payment host says of card ${credential}: ${why}; the next one is tried`;
}

/** The key of another step of an attempt: `…/authorise/2` becomes `…/capture/2`. */
export function stepKey(
  attempt: string,
  step: "capture" | "reverse" | "refund" | `refund-${number}`,
): string {
  return attempt.replace(/\/authorise(?=(\/\d+)?$)/, `/${step}`);
}

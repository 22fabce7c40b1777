// A card terminal that authorises by itself, as a payment host: the payer stands before it, it asks him for his card,
// and only a masked number, a token and the result come back. It keeps every attempt in its own journal, by our name
// for it, so that nothing needs to be kept here: what was not answered is asked for.

import type { Clock } from "../clock.ts";
import type {
  HostAmount,
  HostAnswer,
  HostBatch,
  HostBinding,
  HostCard,
  HostCredential,
  HostDecline,
  HostRecord,
  PaymentHost,
} from "../payment-host.ts";
import type { OpenSerial } from "../serial.ts";
import { TerminalLink } from "./terminal-link.ts";
import type { ReplyFields } from "./terminal-message.ts";

/** The terminal waits so long for a card. */
const CARD_S = 45;
const EVIDENCE_BYTES_MAX = 64;
/** Attempts of which an answer may still come. */
const UNANSWERED_MAX = 64;
const AMOUNT_MINOR_MAX = 999_999_999_999;
const PROTOCOL = "1";

export interface TerminalHostOptions {
  open: OpenSerial;
  clock: Clock;
  /** X25519; what payers over a network seal to it the terminal cannot open. */
  publicKey: Uint8Array;
  /** Only a terminal that moves no real money is used. */
  simulated: boolean;
  /** What the terminal shows, such as "present card". */
  onProgress?(attempt: string, text: string): void;
}

export interface TerminalHost extends PaymentHost {
  close(): Promise<void>;
}

export function openTerminalHost(options: TerminalHostOptions): TerminalHost {
  return new SerialTerminal(options);
}

type Merchant = Pick<HostRecord, "merchantId" | "terminalId" | "merchantName">;

class SerialTerminal implements TerminalHost {
  readonly canQuery = true;
  readonly simulated: boolean;
  readonly publicKey: Uint8Array;
  readonly #link: TerminalLink;
  readonly #running = new Map<string, Promise<HostAnswer>>();
  readonly #unanswered = new Set<string>();
  #merchant: Merchant = { merchantId: "", terminalId: "", merchantName: "" };
  #listener: ((attempt: string, answer: HostAnswer) => void) | undefined;

  constructor({ open, clock, publicKey, simulated, onProgress }: TerminalHostOptions) {
    this.simulated = simulated;
    this.publicKey = publicKey;
    this.#link = new TerminalLink({
      ...{ open, clock },
      late: (fields) => this.#late(fields),
      greeted: (fields) => this.#greeted(fields),
      progress: ({ AK, TX }) => {
        if (AK !== undefined && TX !== undefined) onProgress?.(AK, TX);
      },
    });
  }

  trouble(): string | undefined {
    return this.#link.trouble();
  }

  /** It has no card before it is charged. */
  tokenise(): Promise<HostAnswer> {
    return Promise.resolve(declined("credential-invalid"));
  }

  authorise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    amountMinor = binding.amountMinor,
  ): Promise<HostAnswer> {
    if (credential.kind !== "present") return Promise.resolve(declined("credential-invalid"));
    const { currency, amountMinor: mostMinor } = binding;
    if (!isAmount(amountMinor) || amountMinor > mostMinor || !isAmount(mostMinor)) {
      return Promise.resolve(declined("amount"));
    }
    return this.#ask("PA", attempt, {
      ...{ AM: String(amountMinor), MX: String(mostMinor), CU: currency, TO: String(CARD_S) },
    });
  }

  capture(
    attempt: string,
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array,
  ): Promise<HostAnswer> {
    const EV = hex(evidence.subarray(0, EVIDENCE_BYTES_MAX));
    return this.#change("BK", attempt, reference, amount, { EV });
  }

  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer> {
    return this.#change("RF", attempt, reference, amount, {});
  }

  /** A card that is waited for under that attempt is waited for no longer. */
  reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer> {
    return this.#ask("RV", attempt, { OA: attemptToReverse });
  }

  query(attempt: string): Promise<HostAnswer> {
    return this.#answer(attempt, () => this.#link.ask("LQ", { AK: attempt }));
  }

  async closeBatch(attempt: string): Promise<HostBatch | { kind: "no-answer"; message?: string }> {
    const told = await this.#link.ask("ED", { AK: attempt });
    const { AK, ST, BN, CN, CS, GN, GS } = told ?? {};
    const isWhole = BN !== undefined && CN && CS && GN && GS && AK === attempt && ST === "AP";
    if (!isWhole) return { kind: "no-answer", message: this.trouble() ?? SILENT };
    return {
      ...{ kind: "closed", batch: BN, captures: Number(CN), capturedMinor: Number(CS) },
      ...{ refunds: Number(GN), refundedMinor: Number(GS) },
    };
  }

  onLateAnswer(listener: (attempt: string, answer: HostAnswer) => void): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #change(
    kind: "BK" | "RF",
    attempt: string,
    reference: string,
    { amountMinor, currency }: HostAmount,
    more: Readonly<Record<string, string>>,
  ): Promise<HostAnswer> {
    if (!isAmount(amountMinor)) return Promise.resolve(declined("amount"));
    const asked = { RF: reference, AM: String(amountMinor), CU: currency };
    return this.#ask(kind, attempt, { ...asked, ...more });
  }

  /** Calls of one attempt at the same time are one call. */
  #ask(
    kind: "PA" | "BK" | "RF" | "RV",
    attempt: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<HostAnswer> {
    const running = this.#running.get(attempt);
    if (running !== undefined) return running;
    const { RF, CU } = fields;
    if (RF !== undefined && !REFERENCE.test(RF)) {
      return Promise.resolve(declined("unknown-reference"));
    }
    if (CU !== undefined && !CURRENCY.test(CU)) return Promise.resolve(declined("amount"));
    const ask = () => this.#link.ask(kind, { AK: attempt, ...fields });
    const call = this.#answer(attempt, ask, (told) => isOf(kind, fields, told)).finally(() =>
      this.#running.delete(attempt),
    );
    this.#running.set(attempt, call);
    return call;
  }

  async #answer(
    attempt: string,
    ask: () => Promise<ReplyFields | undefined>,
    isFit: (fields: ReplyFields) => boolean = () => true,
  ): Promise<HostAnswer> {
    const fields = this.trouble() === undefined ? await ask() : undefined;
    const answer = fields && (isFit(fields) ? this.#read(attempt, fields) : ODD);
    if (answer !== undefined && answer.kind !== "no-answer") {
      this.#unanswered.delete(attempt);
      return answer;
    }
    this.#unanswered.add(attempt);
    for (const oldest of this.#unanswered) {
      if (this.#unanswered.size <= UNANSWERED_MAX) break;
      this.#unanswered.delete(oldest);
    }
    return answer ?? noAnswer(this.trouble() ?? SILENT);
  }

  #read(attempt: string, fields: ReplyFields): HostAnswer {
    const { AK, ST, RF, AM, RC, TX } = fields;
    if (AK !== attempt || ST === undefined) {
      return noAnswer("the terminal answers for another payment");
    }
    if (ST === "BU") return noAnswer("the terminal is busy with another payment");
    if (ST !== "AP") {
      return {
        ...declined(REFUSALS[ST as keyof typeof REFUSALS]),
        ...(RC !== undefined && { responseCode: RC }),
        ...(TX !== undefined && TX !== "" && { message: TX }),
      };
    }
    if (RF === undefined || AM === undefined) return noAnswer("the terminal's answer is not whole");
    const card = cardOf(fields);
    const record = this.#recordOf(fields);
    return {
      ...{ kind: "approved", reference: RF, amountMinor: Number(AM) },
      ...(card !== undefined && { card }),
      ...(record !== undefined && { record }),
    };
  }

  #recordOf({ TM, AC, RC }: ReplyFields): HostRecord | undefined {
    if (TM === undefined) return undefined;
    return {
      ...{ ...this.#merchant, timeMs: Number(TM) },
      ...(AC !== undefined && { authCode: AC }),
      ...(RC !== undefined && { responseCode: RC }),
    };
  }

  #greeted({ PV, TS, TI, MI, MN }: ReplyFields): string | undefined {
    if (PV !== PROTOCOL) return `the terminal speaks version ${PV ?? "?"} of its protocol, not 1`;
    if (TI === undefined || MI === undefined || MN === undefined) {
      return "the terminal does not say whose it is";
    }
    if ((TS === "1") !== this.simulated) {
      return this.simulated
        ? "the terminal moves real money: take `test: true` out of the device file"
        : "the terminal is a test terminal: the device file must say `test: true`";
    }
    this.#merchant = { terminalId: TI, merchantId: MI, merchantName: MN };
    return undefined;
  }

  #late(fields: ReplyFields): void {
    const { AK } = fields;
    if (AK === undefined || !this.#unanswered.delete(AK)) return;
    const answer = this.#read(AK, fields);
    if (answer.kind !== "no-answer") this.#listener?.(AK, answer);
  }
}

const REFERENCE = /^[\x21-\x7e]{1,32}$/;
const CURRENCY = /^[A-Z]{3}$/;

/** An approval must be of the currency, the hold and the amount that were asked for; a hold may be of less. */
function isOf(
  kind: string,
  asked: Readonly<Record<string, string>>,
  { ST, CU, RF, AM }: ReplyFields,
): boolean {
  if (ST !== "AP" || kind === "RV") return true;
  const isAmountFit = kind === "PA" ? Number(AM) <= Number(asked["AM"]) : AM === asked["AM"];
  return CU === asked["CU"] && isAmountFit && (kind === "PA" || RF === asked["RF"]);
}

const ODD = noAnswer("the terminal answers for another amount");
const SILENT = "the terminal does not answer";

const REFUSALS = {
  DE: "declined",
  CA: "declined",
  AM: "amount",
  UN: "unknown-reference",
} as const satisfies Record<string, HostDecline>;

function declined(why: HostDecline): Extract<HostAnswer, { kind: "declined" }> {
  return { kind: "declined", why };
}

function noAnswer(message: string): HostAnswer {
  return { kind: "no-answer", message };
}

function cardOf({ PN, EX, NW, EM, TK }: ReplyFields): HostCard | undefined {
  if (NW === undefined || EM === undefined || TK === undefined) return undefined;
  return {
    ...{ network: NW, entryMethod: EM, token: TK },
    ...(PN !== undefined && { maskedPan: PN }),
    ...(EX !== undefined && { expiry: EX }),
  };
}

function isAmount(minor: number): boolean {
  return Number.isSafeInteger(minor) && minor > 0 && minor <= AMOUNT_MINOR_MAX;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

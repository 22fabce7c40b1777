// Payment host port: what takes the money. Every call carries an attempt key and is idempotent by it: the
// same key again gets the same outcome and moves no more money. Amounts are integers in minor units. An attempt's
// name begins with its order's: "ORDER/TRANSACTION/STEP", printable ASCII without blanks, at most 96 characters.

export interface HostAmount {
  amountMinor: number;
  /** ISO 4217, three capitals. */
  currency: string;
}

/** The payer's credential as the seller passes it on, unread. */
export type HostCredential =
  /** Sealed by the payer to the host's key; the host opens it with the payer's key and the nonce. */
  | {
      kind: "sealed";
      payerKey: Uint8Array;
      nonce: Uint8Array;
      box: Uint8Array;
      /** Set where a reader of the board sealed it, off a card that was there; never by who pays over a network. */
      readAtBoard?: "tap" | "insert";
    }
  /** Made by the host for the payer beforehand: with `tokenise`, or in a way of the host's own. */
  | { kind: "token"; payerKey: Uint8Array; token: Uint8Array }
  /** The payer stands at the host's own reader, which asks him for his card: a terminal that authorises by itself. */
  | { kind: "present" };

/**
 * What a sealed or tokenised credential is bound to: the host refuses it for anything else. The amount is the most
 * that the payer signed: what one credential holds or has paid never exceeds it, over all of its attempts, which are
 * all of one order. What is declined or reversed no longer counts.
 */
export interface HostBinding extends HostAmount {
  /** Digest of the signed offer, 16 bytes; of the payer's commitment where he pays while he is served. */
  offer: Uint8Array;
}

export type HostDecline =
  | "declined"
  | "credential-invalid" // could not be opened, or is no card
  | "credential-mismatch" // bound to another offer, amount or currency
  | "credential-used" // spent on another order, or too often
  | "amount" // not positive, above what is left, or another currency
  | "claim" // the payer's commitment and proofs are not worth it, or are not there
  | "unknown-reference";

/** What may be known of a card outside the host. */
export interface HostCard {
  /** At most ten digits of it. */
  maskedPan?: string;
  /** YYMM. */
  expiry?: string;
  network: string;
  /** insert, swipe, tap or manual. */
  entryMethod: string;
  /** The same for the same card at this host, and of no use for paying. */
  token: string;
}

/** What a receipt must say of a payment. */
export interface HostRecord {
  /** The acquirer's numbers. */
  merchantId: string;
  terminalId: string;
  merchantName: string;
  timeMs: number;
  authCode?: string;
  /** As the host says it, such as the two characters of ISO 8583. */
  responseCode?: string;
  /** More that the host wants to see again when it is reversed or completed, by name. */
  references?: Readonly<Record<string, string>>;
}

export type HostAnswer =
  /** An authorisation may be for less than was asked. */
  | {
      kind: "approved";
      reference: string;
      amountMinor: number;
      card?: HostCard;
      record?: HostRecord;
    }
  | { kind: "declined"; why: HostDecline; responseCode?: string; message?: string }
  /** Nothing came back that can be believed: money may or may not have moved. Ask with `query`, or repeat. */
  | {
      kind: "no-answer";
      /** Why, for the log: holds no secret. */
      message?: string;
    };

/** What a closed batch held. */
export interface HostBatch {
  kind: "closed";
  batch: string;
  captures: number;
  capturedMinor: number;
  refunds: number;
  refundedMinor: number;
  /** Whether the acquirer has the same counts and sums; absent where host and acquirer are one. */
  inBalance?: boolean;
}

export interface PaymentHost {
  /** False for hosts that keep no record one could ask for; then an unknown outcome is settled by repeating. */
  readonly canQuery: boolean;
  /** X25519 key to which payers seal. */
  readonly publicKey: Uint8Array;
  /** A host that moves no real money; only such a host may serve bench keys. */
  readonly simulated: boolean;
  /** It reads the evidence of what is bound to a commitment, and takes no more than that is worth, whatever it is told. */
  readonly checksClaims?: true;
  /**
   * Why it cannot be asked for `amount` at this moment, in a sentence; undefined where it can, or nobody knows. Where
   * that goes by the amount, none stands for the smallest.
   */
  trouble?(amount?: HostAmount): string | undefined;
  /** Turns a credential into a host token with the same binding: the reference is the token's bytes in hexadecimal. */
  tokenise(attempt: string, credential: HostCredential, binding: HostBinding): Promise<HostAnswer>;
  /** Holds `amountMinor`, which is at most the binding's amount; without it, all of that. May approve less. */
  authorise(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    amountMinor?: number,
  ): Promise<HostAnswer>;
  /**
   * `evidence` is kept unread beside the capture, but by a host that checks claims. At most what was authorised, in one
   * go.
   */
  capture(
    attempt: string,
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array,
  ): Promise<HostAnswer>;
  /** Gives captured money back; several times up to the captured amount. */
  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer>;
  /**
   * Undoes the named attempt whatever became of it; approved also when it never arrived, and then it never will. What
   * was authorised is released, what was captured goes back but for what was refunded already. A refund that was
   * made cannot be undone: `declined`.
   */
  reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer>;
  /**
   * Ends the day's batch, where the host has such: what was captured and refunded since the one before. After
   * `no-answer` the next call goes on with the same batch, whatever its attempt.
   */
  closeBatch?(attempt: string): Promise<HostBatch | { kind: "no-answer"; message?: string }>;
  /**
   * The outcome of an earlier attempt: `declined` with `unknown-reference` when it never arrived. A host that cannot
   * be asked gives `no-answer`.
   */
  query(attempt: string): Promise<HostAnswer>;
  /** Answers that came after we had been told `no-answer`, or came again. One listener; the last one set counts. */
  onLateAnswer(listener: (attempt: string, answer: HostAnswer) => void): void;
}

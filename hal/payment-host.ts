// Payment host port: what takes the money. Every call carries an attempt key and is idempotent by it: the
// same key again gets the same outcome and moves no more money. Amounts are integers in minor units.

export interface HostAmount {
  amountMinor: number;
  /** ISO 4217, three capitals. */
  currency: string;
}

/** The payer's credential as the seller passes it on, unread. */
export type HostCredential =
  /** Sealed by the payer to the host's key; the host opens it with the payer's key and the nonce. */
  | { kind: "sealed"; payerKey: Uint8Array; nonce: Uint8Array; box: Uint8Array }
  /** Made by the host for the payer beforehand, with `tokenise`. */
  | { kind: "token"; payerKey: Uint8Array; token: Uint8Array };

/** What a sealed or tokenised credential is bound to: the host refuses it for anything else. */
export interface HostBinding extends HostAmount {
  /** Digest of the signed offer, 16 bytes. */
  offer: Uint8Array;
}

export type HostDecline =
  | "declined"
  | "credential-invalid" // could not be opened, or is no card
  | "credential-mismatch" // bound to another offer, amount or currency
  | "credential-used" // its nonce was spent on another order
  | "amount" // not positive, above what is left, or another currency
  | "unknown-reference";

export type HostAnswer =
  | { kind: "approved"; reference: string; amountMinor: number }
  | { kind: "declined"; why: HostDecline }
  /** Nothing came back in time: money may or may not have moved. Ask with `query`, or repeat the attempt. */
  | { kind: "no-answer" };

export interface PaymentHost {
  /** False for hosts that keep no record one could ask for; then an unknown outcome is settled by repeating. */
  readonly canQuery: boolean;
  /** X25519 key to which payers seal. */
  readonly publicKey: Uint8Array;
  /** A host that moves no real money; only such a host may serve bench keys. */
  readonly simulated: boolean;
  /** Turns a sealed credential into a host token with the same binding. */
  tokenise(attempt: string, credential: HostCredential, binding: HostBinding): Promise<HostAnswer>;
  authorise(attempt: string, credential: HostCredential, binding: HostBinding): Promise<HostAnswer>;
  /** `evidence` is kept unread beside the capture. At most what was authorised, in one go. */
  capture(
    attempt: string,
    reference: string,
    amount: HostAmount,
    evidence: Uint8Array,
  ): Promise<HostAnswer>;
  /** Gives captured money back; several times up to the captured amount. */
  refund(attempt: string, reference: string, amount: HostAmount): Promise<HostAnswer>;
  /** Undoes the named attempt whatever became of it; approved also when it never arrived, and then it never will. */
  reverse(attempt: string, attemptToReverse: string): Promise<HostAnswer>;
  /** The outcome of an earlier attempt: `declined` with `unknown-reference` when it never arrived. */
  query(attempt: string): Promise<HostAnswer>;
  /** Answers that came after we had been told `no-answer`, or came again. One listener; the last one set counts. */
  onLateAnswer(listener: (attempt: string, answer: HostAnswer) => void): void;
}

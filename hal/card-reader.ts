// Card reader port: finds a card or a tag and reads it. A card's number never comes out of it: it is masked for people,
// and sealed for the payment host together with what the host needs (I12). Not a certified payment kernel.

import type { HostCard, HostCredential } from "./payment-host.ts";

export interface ReaderStatus {
  /** It answers, and may be asked. */
  ready: boolean;
  /** For people: what it is, or what is wrong and what to do. */
  message: string;
}

/** What lies on the reader, or stands in it. */
export interface Presence {
  /** Rises with every card or tag that comes. */
  number: number;
  /** `card` speaks APDUs (ISO 7816-4); `tag` is memory (NFC Forum type 2); `several` are more than one at once. */
  sort: "card" | "tag" | "several" | "unknown";
}

/** What a payment card is asked for. The credential that comes of it is bound to offer, amount and currency. */
export interface CardRequest {
  amountMinor: number;
  /** ISO 4217, three capitals. */
  currency: string;
  /** Digest of the signed offer, 16 bytes. */
  offer: Uint8Array;
  /** A card that has not come by then is `absent`. */
  timeoutMs: number;
}

export type CryptogramType = "ARQC" | "TC" | "AAC";

/** What may be known of a card outside reader and host. */
export interface ReaderCard extends HostCard {
  /** "tap", "insert" or "manual". */
  entryMethod: "tap" | "insert" | "manual";
  /** Tag 50, and 84 or 4F in hexadecimal. */
  label?: string;
  aid?: string;
  /** Terminal verification results (95), transaction status information (9B), counter (9F36): hexadecimal. */
  tvr?: string;
  tsi?: string;
  atc?: string;
  /** Tag 9F26 in hexadecimal, and what sort it is by 9F27. */
  cryptogram?: string;
  cryptogramType?: CryptogramType;
}

export type CardFailure =
  | "no-application" // no payment application that we know
  | "blocked" // card or application is blocked
  | "declined" // the card itself declined (AAC)
  | "malformed" // what it says is no EMV data
  | "expired"; // by its own date

export type CardReading =
  | { kind: "read"; card: ReaderCard; credential: Extract<HostCredential, { kind: "sealed" }> }
  /** No card came in time. */
  | { kind: "absent" }
  | { kind: "canceled" }
  /** It was taken away in mid-read: nothing of it is used. */
  | { kind: "torn" }
  /** More than one card at once: nothing of either is used. */
  | { kind: "several" }
  | { kind: "failed"; why: CardFailure; message: string }
  /** The reader is gone. */
  | { kind: "lost" };

export type TagReading =
  /** The NDEF message as it stands on the tag: at most NDEF_BYTES_MAX. */
  | { kind: "ndef"; message: Uint8Array }
  | { kind: "absent" | "canceled" | "torn" | "several" | "lost" }
  /** There is a tag, and no NDEF message on it. */
  | { kind: "empty" | "malformed" };

export type TagWriting =
  /** Written and read back. */
  | { kind: "written" }
  | { kind: "absent" | "canceled" | "torn" | "several" | "lost" }
  | { kind: "full"; bytesMax: number }
  | { kind: "read-only" | "malformed" };

/** What a member's card answers to a challenge: an Ed25519 signature over it, and the key to check it with. */
export type ChallengeReading =
  | { kind: "signed"; publicKey: Uint8Array; signature: Uint8Array }
  /** It is no card of that sort. */
  | { kind: "unable" }
  | { kind: "absent" | "canceled" | "torn" | "several" | "lost" };

export const NDEF_BYTES_MAX = 1024;

/** One call at a time: a second one is answered `canceled`. Reader trouble is an answer, never an exception. */
export interface CardReader {
  readonly id: string;
  readonly sort: "contactless" | "chip";
  status(): ReaderStatus;
  /** Also when only the message changes. One listener; the last one set counts. */
  onStatus(listener: (status: ReaderStatus) => void): void;
  /** What was there when it was last looked; undefined when nothing was. */
  presence(): Presence | undefined;
  /** A card or tag has come, or has gone. One listener; the last one set counts. */
  onPresence(listener: (presence: Presence | undefined) => void): void;
  /** Reads the card that is there, or the first that comes. */
  readCard(request: CardRequest): Promise<CardReading>;
  readTag(timeoutMs: number): Promise<TagReading>;
  writeTag(message: Uint8Array, timeoutMs: number): Promise<TagWriting>;
  challenge(challenge: Uint8Array, timeoutMs: number): Promise<ChallengeReading>;
  /** Ends the call under way, which is then answered `canceled`. */
  cancel(): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** What every driver of a reader is given beside its line. */
export interface CardReaderSetup {
  id: string;
  /** X25519 key of the payment host, to which card data are sealed. */
  hostKey: Uint8Array;
  /** 32 secret bytes of the device: a card's token is made with them, the same for the same card. */
  tokenKey: Uint8Array;
  /** ISO 3166 numeric, of where the board stands, such as 276. */
  countryCode: number;
}

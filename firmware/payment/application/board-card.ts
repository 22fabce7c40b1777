// The card of one payment at the board: read where it is first needed, used once, and forgotten with the payment. What
// a reader says of it becomes the card of the flow; its credential never enters the flow.

import type { ReaderCard } from "../../../hal/card-reader.ts";
import type { HostBinding, HostCredential } from "../../../hal/payment-host.ts";
import type { Card } from "../model/card.ts";
import type { DataValue } from "../model/data-value.ts";
import type { CardDesk, DeskRead, DeskReading } from "./card-desk.ts";
import { cardSeen, words } from "./host-references.ts";

/** A person has so long to find his card: less than a flow waits for the stage (120 s). */
const PRESENT_MS = 45_000;

export type BoardReading =
  | { kind: "read"; card: Card }
  /** No card came, or the host asks for it itself. */
  | { kind: "none" }
  | { kind: "declined"; message: string };

export class BoardCard {
  readonly #desk: CardDesk;
  readonly #binding: HostBinding;
  #reading: DeskRead | undefined;
  #unused: HostCredential | undefined;
  #card: Card | undefined;
  #isCancelled = false;

  constructor(desk: CardDesk, binding: HostBinding) {
    this.#desk = desk;
    this.#binding = binding;
  }

  /** As the flow may see it: of the card that was read last. */
  get card(): Card | undefined {
    return this.#card;
  }

  /** There is a credential that was not used yet. */
  get isReady(): boolean {
    return this.#unused !== undefined;
  }

  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  async read(): Promise<BoardReading> {
    const { amountMinor, currency, offer } = this.#binding;
    // One that was stopped has not given its readers back yet.
    await this.#reading?.ended;
    if (this.#isCancelled) return { kind: "declined", message: WORDS.canceled };
    this.#reading = this.#desk.read({ amountMinor, currency, offer, timeoutMs: PRESENT_MS });
    const reading = await this.#reading.ended;
    this.#reading = undefined;
    if (reading.kind === "present") this.#unused = reading;
    if (reading.kind === "read") {
      const { card, credential } = reading;
      const { entryMethod } = card;
      // A card that was keyed in proves no less, and no more, than one that came over the network.
      this.#unused =
        entryMethod === "manual" ? credential : { ...credential, readAtBoard: entryMethod };
      this.#card = cardRead(card);
    }
    return this.#told(reading);
  }

  /** Ends the reading under way. */
  stop(): void {
    this.#reading?.cancel();
  }

  /** Ends the reading under way, and begins no other. */
  cancel(): void {
    this.#isCancelled = true;
    this.stop();
  }

  /** The credential, which is used once. */
  take(): HostCredential | undefined {
    const credential = this.#unused;
    this.#unused = undefined;
    return credential;
  }

  forget(): void {
    this.cancel();
    this.#unused = undefined;
  }

  #told(reading: DeskReading): BoardReading {
    if (this.#isCancelled) {
      this.#unused = undefined;
      return { kind: "declined", message: WORDS.canceled };
    }
    switch (reading.kind) {
      case "read":
        return { kind: "read", card: this.#card ?? cardRead(reading.card) };
      case "absent":
      case "present":
        return { kind: "none" };
      case "failed":
        return { kind: "declined", message: reading.message };
      default:
        return { kind: "declined", message: WORDS[reading.kind] };
    }
  }
}

/** For the person at the board. */
const WORDS = {
  canceled: "cancelled",
  torn: "the card was taken away too early",
  several: "more than one card: present only one",
  lost: "the card reader is not connected",
  busy: "another payment waits for its card",
} as const;

function cardRead({ label, aid, tvr, tsi, atc, cryptogram, ...card }: ReaderCard): Card {
  const { cryptogramType } = card;
  const seen = cardSeen(card);
  const more = { label, aid, tvr, tsi, atc, cryptogram, cryptogramType };
  const data: Record<string, DataValue> = { ...seen.data };
  for (const [name, value] of Object.entries(more)) {
    if (value !== undefined) data[name] = words(value);
  }
  return { ...seen, data };
}

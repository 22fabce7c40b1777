// The radio field of a simulated PN532: cards and tags that are in it, and what they say when they are spoken to
// (ISO 14443-3 type A, ISO 14443-4, NFC Forum type 2).

import type { SimCard } from "./sim-card.ts";

/** Status of an exchange, as the chip gives it, and the answer. */
export interface FieldAnswer {
  status: number;
  data: readonly number[];
}

export const RF_OK = 0x00;
const RF_TIMEOUT = 0x01;
const RF_MIFARE = 0x14;
const RF_UNKNOWN_TARGET = 0x27;

const NOTHING: FieldAnswer = { status: RF_TIMEOUT, data: [] };
const SAK_SPEAKS_APDU = 0x20;
/** GET_VERSION of NTAG213. */
const NTAG213_VERSION = [0x00, 0x04, 0x04, 0x02, 0x01, 0x00, 0x0f, 0x03];

interface Entry {
  card: SimCard;
  /** Selected: it hears what is said to it alone, and a card of ISO 14443-4 no call to all. */
  isActive: boolean;
}

export class SimField {
  #entries: Entry[] = [];
  /** By the number that the chip gave; an entry may have left the field since. */
  #targets = new Map<number, Entry>();
  #current: Entry | undefined;

  cards(): readonly SimCard[] {
    return this.#entries.map(({ card }) => card);
  }

  enter(card: SimCard): void {
    card.reset();
    this.#entries.push({ card, isActive: false });
  }

  leave(card: SimCard): void {
    const entry = this.#entries.find((one) => one.card === card);
    if (entry === undefined) return;
    this.#entries = this.#entries.filter((one) => one !== entry);
    entry.isActive = false;
    card.reset();
  }

  /** Field off: whatever was going on is forgotten. */
  powerOff(): void {
    for (const entry of this.#entries) this.#sleep(entry);
    this.#targets.clear();
    this.#current = undefined;
  }

  targetCount(): number {
    return this.#targets.size;
  }

  /**
   * Calls all, takes those that hear it, and tells each as the chip does: number, SENS_RES, SEL_RES, UID, ATS. A card
   * that is being spoken to does not hear it, and is put out by it: it hears the next one.
   */
  list(max: number, rats: boolean): number[][] {
    const isBusy = (one: Entry): boolean => one.isActive && speaksApdu(one.card);
    const heard = this.#entries.filter((one) => !isBusy(one)).slice(0, max);
    for (const one of this.#entries.filter(isBusy)) this.#sleep(one);
    this.#targets.clear();
    this.#current = heard[0];
    return heard.flatMap((entry, i) => {
      const { field } = entry.card;
      if (field === undefined) return [];
      entry.isActive = true;
      this.#targets.set(i + 1, entry);
      const ats = speaksApdu(entry.card) && rats ? [...(field.ats ?? [0x01])] : [];
      return [[i + 1, ...field.sensRes, field.selRes, field.uid.length, ...field.uid, ...ats]];
    });
  }

  select(target: number): number {
    const entry = this.#targets.get(target);
    if (entry === undefined) return RF_UNKNOWN_TARGET;
    if (!this.#isHere(entry)) return RF_TIMEOUT;
    entry.isActive = true;
    this.#current = entry;
    return RF_OK;
  }

  /** 0 means all. A deselected target keeps its number, a released one does not. */
  deselect(target: number, releases: boolean): number {
    const chosen = target === 0 ? [...this.#targets.keys()] : [target];
    if (target !== 0 && !this.#targets.has(target)) return RF_UNKNOWN_TARGET;
    for (const number of chosen) {
      const entry = this.#targets.get(number);
      if (entry !== undefined) this.#sleep(entry);
      if (releases) this.#targets.delete(number);
      if (releases && this.#current === entry) this.#current = undefined;
    }
    return RF_OK;
  }

  isSpeaking(target: number): boolean {
    const entry = this.#targets.get(target);
    return entry !== undefined && speaksApdu(entry.card);
  }

  /** What the chip says when it is asked whether a card of ISO 14443-4 is still there. */
  presence(): number {
    if (this.#current === undefined || !speaksApdu(this.#current.card)) return RF_UNKNOWN_TARGET;
    return this.#isHere(this.#current) && this.#current.isActive ? RF_OK : RF_TIMEOUT;
  }

  exchange(target: number, command: readonly number[]): FieldAnswer {
    const entry = this.#targets.get(target);
    if (entry === undefined) return { status: RF_UNKNOWN_TARGET, data: [] };
    this.#current = entry;
    if (!this.#isHere(entry) || !entry.isActive) return NOTHING;
    if (!speaksApdu(entry.card)) return this.#tag(entry, command);
    const answer = entry.card.apdu?.(Uint8Array.from(command));
    return answer === undefined ? NOTHING : { status: RF_OK, data: [...answer] };
  }

  /** A frame as it is: no blocks, no chaining. */
  through(frame: readonly number[]): FieldAnswer {
    const entry = this.#current;
    if (entry === undefined || !this.#isHere(entry) || !entry.isActive) return NOTHING;
    if (speaksApdu(entry.card)) {
      // R(NAK): a card that has said nothing yet acknowledges.
      const isNak = frame.length === 1 && ((frame[0] ?? 0) & 0xf6) === 0xb2;
      return isNak ? { status: RF_OK, data: [0xa2] } : NOTHING;
    }
    if (frame[0] === 0x60 && frame.length === 1) return { status: RF_OK, data: NTAG213_VERSION };
    return this.#tag(entry, frame);
  }

  #tag(entry: Entry, [code, page = 0, ...rest]: readonly number[]): FieldAnswer {
    const { memory } = entry.card;
    if (code === 0x60 || code === 0x61) {
      entry.isActive = false;
      return { status: RF_MIFARE, data: [] };
    }
    if (memory !== undefined && code === 0x30) {
      const pages = memory.read(page);
      if (pages !== undefined) return { status: RF_OK, data: [...pages] };
    }
    if (memory !== undefined && code === 0xa2 && rest.length === 4) {
      if (memory.write(page, Uint8Array.from(rest))) return { status: RF_OK, data: [] };
    }
    // A tag that says no falls asleep.
    entry.isActive = false;
    return NOTHING;
  }

  #isHere(entry: Entry): boolean {
    return this.#entries.includes(entry);
  }

  #sleep(entry: Entry): void {
    entry.isActive = false;
    entry.card.reset();
  }
}

function speaksApdu({ field }: SimCard): boolean {
  return field !== undefined && (field.selRes & SAK_SPEAKS_APDU) !== 0;
}

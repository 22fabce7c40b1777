// Credentials as a payment host keeps them: opened with its key or by a token of its own, bound to one offer, to one
// order and to the most that the payer signed. Of a card only that stays which the host says.

import type { Crypto } from "./crypto.ts";
import type { HostBinding, HostCredential, HostDecline } from "./payment-host.ts";
import { openSealedCard, type SealedCard } from "./sealed-card.ts";
import type { Store, StoreWrite } from "./store.ts";

/** Attempts of one credential. */
const ATTEMPTS_MAX = 16;

/** A credential of which the card was opened, as the store keeps it for a token. */
interface Bound<C> {
  card: C;
  payer: string;
  /** Digest in hexadecimal. */
  offer: string;
  amountMinor: number;
  currency: string;
  /** The digest is a commitment's. */
  stream?: true;
  /** Under which name the credential's attempts are kept. */
  nonce: string;
}

export interface OpenedCredential<C> {
  card: C;
  /** It is bound to a payer's commitment: a host that checks claims takes no more than the claim is worth. */
  stream?: true;
  /** What the credential's earlier attempts hold or have paid. */
  usedMinor: number;
  /** Makes this attempt one of its own; fails with `changed` when another was quicker. */
  spent: StoreWrite;
  /** Makes a token of 16 bytes, given in hexadecimal, worth as much as the credential. */
  tokenised(token: string): StoreWrite;
}

export interface HostCredentialsOptions<C> {
  store: Store;
  crypto: Crypto;
  /** X25519 secret, 32 bytes. */
  secretKey: Uint8Array;
  /** What is kept of a card, which is never its number; undefined for a card that the host does not take. */
  keep(card: SealedCard): C | undefined;
  /** A token that the payer had from the host in another way: good for whatever the payer binds it to. */
  foreign?(token: Uint8Array): C | undefined;
}

export class HostCredentials<C> {
  readonly #options: HostCredentialsOptions<C>;

  constructor(options: HostCredentialsOptions<C>) {
    this.#options = options;
  }

  /** `usedMinorOf` says what an earlier attempt holds or has paid. */
  async open(
    attempt: string,
    credential: HostCredential,
    binding: HostBinding,
    usedMinorOf: (attempt: string) => Promise<number>,
  ): Promise<OpenedCredential<C> | HostDecline> {
    const { store } = this.#options;
    const bound = await this.#read(credential, binding);
    if (bound === undefined) return "credential-invalid";
    const same =
      bound.offer === hex(binding.offer) &&
      bound.amountMinor === binding.amountMinor &&
      bound.currency === binding.currency;
    if (!same) return "credential-mismatch";
    const kept = await store.get("nonce", bound.nonce);
    const read = kept === undefined ? [] : (JSON.parse(kept) as string | string[]);
    // The first release kept the name of the one attempt.
    const attempts = typeof read === "string" ? [read] : read;
    const mine = attempts.includes(attempt);
    const others = attempts.some((one) => orderOf(one) !== orderOf(attempt));
    if (others || (!mine && attempts.length >= ATTEMPTS_MAX)) return "credential-used";
    let usedMinor = 0;
    for (const earlier of attempts) {
      if (earlier !== attempt) usedMinor += await usedMinorOf(earlier);
    }
    const body = JSON.stringify(mine ? attempts : [...attempts, attempt]);
    return {
      card: bound.card,
      ...(bound.stream && { stream: true }),
      usedMinor,
      spent: { kind: "nonce", id: bound.nonce, body, was: kept ?? null },
      tokenised: (token) => ({ kind: "token", id: token, body: JSON.stringify(bound) }),
    };
  }

  async #read(credential: HostCredential, binding: HostBinding): Promise<Bound<C> | undefined> {
    const { crypto, secretKey, keep } = this.#options;
    // It has no reader of its own.
    if (credential.kind === "present") return undefined;
    const payer = hex(credential.payerKey);
    if (credential.kind === "token") return this.#readToken(credential.token, payer, binding);
    const opened = openSealedCard(credential, secretKey, crypto);
    const card = opened && keep(opened);
    if (opened === undefined || card === undefined) return undefined;
    const { offer, amountMinor, currency, stream } = opened;
    const nonce = `${payer}${hex(credential.nonce)}`;
    const words = { offer: hex(offer), amountMinor, currency, ...(stream && { stream }) };
    return { card, payer, ...words, nonce };
  }

  async #readToken(
    token: Uint8Array,
    payer: string,
    binding: HostBinding,
  ): Promise<Bound<C> | undefined> {
    const { store, crypto, foreign } = this.#options;
    const foreignCard = foreign?.(token);
    if (foreignCard !== undefined) {
      const { amountMinor, currency } = binding;
      const offer = hex(binding.offer);
      const named = new TextEncoder().encode(`${hex(token)} ${offer}`);
      const nonce = `${payer}${hex(crypto.digest(named).subarray(0, 16))}`;
      return { card: foreignCard, payer, offer, amountMinor, currency, nonce };
    }
    const body = await store.get("token", hex(token));
    const kept = body === undefined ? undefined : (JSON.parse(body) as Bound<C>);
    return kept?.payer === payer ? kept : undefined;
  }
}

/** The order that an attempt belongs to: the first part of its name. */
export function orderOf(attempt: string): string {
  return attempt.split("/", 1)[0] ?? "";
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What a PaymentHost implementation brings to its contract tests: its peer, the peer's own books, and the faults
// that the peer can be made to have.

import type { Crypto } from "../../hal/crypto.ts";
import type { HostAnswer, PaymentHost } from "../../hal/payment-host.ts";

/** What the peer's settlement report says of one payment. */
export interface BookedPayment {
  authorisedMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  reversed: boolean;
}

/** What can go wrong with the next authorisation, or its answer. */
export type HostFault =
  | "request-lost" // it never arrives
  | "answer-lost" // it arrives, and nothing comes back
  | "answer-late" // it comes back after we were told that there is no answer
  | "answer-twice"
  | "refused" // nobody listens
  | "reset" // the connection breaks after the request
  | "server-error" // the peer failed in a way of its own, before anything happened
  | "malformed" // what comes back is no message
  | "huge" // more comes back than we are ready to hold
  | "wrong-id" // the answer is of another payment
  | "wrong-amount" // the answer is for more than was asked
  | "wrong-currency";

export interface HostBench {
  host: PaymentHost;
  crypto: Crypto;
  /** Card numbers to seal; those that the host does not know are left out. */
  cards: { approve: string; decline: string; insufficient?: string; partial?: string };
  /** Where the host reads the card itself: it is held before it. Card numbers are then only sealed on paper. */
  present?(card: string): void;
  /** Every payment in the peer's own books, by the host's reference. */
  books(): Promise<ReadonlyMap<string, BookedPayment>>;
  /** The next authorisation meets this fault; says which card to pay with. */
  arrange(fault: HostFault): Promise<string>;
  /** Ends the fault; what was lost stays lost. */
  heal(): Promise<void>;
  /** The adapter started anew on its durable store, the peer as it was. */
  restart(): Promise<PaymentHost>;
  /** Waits for the call, letting time go by where time is ours. */
  settle<T>(call: Promise<T>): Promise<T>;
  /** Lets time go by; real adapters need little of it. */
  pause(durationMs: number): Promise<void>;
  /** Everything that the adapter keeps on disk, as text. */
  stored(): Promise<string>;
  dispose(): Promise<void>;
}

export type Using = (use: (bench: HostBench) => Promise<void>) => Promise<void>;

/** Repeats a call until there is an answer, as the payment application does. */
export async function insist(
  bench: HostBench,
  call: () => Promise<HostAnswer>,
): Promise<HostAnswer> {
  for (let round = 0; round < 20; round++) {
    const answer = await bench.settle(call());
    if (answer.kind !== "no-answer") return answer;
    await bench.pause(200);
  }
  throw new Error("no answer after 20 rounds");
}

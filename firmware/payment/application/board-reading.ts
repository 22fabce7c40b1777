// Asking the person at the board for a card, as a part of a stage: he is told what to do, and what was wrong with it.

import { formatMinor } from "../../money.ts";
import type { CallListener } from "../engine/service.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import type { TransactionRequest } from "../model/transaction.ts";
import type { BoardCard, BoardReading } from "./board-card.ts";
import type { Patience } from "./host-calls.ts";
import { words } from "./host-references.ts";

/** Said to whoever stands there; what else is said is the reason of a decline. */
export const PRESENT_CARD = "present your card";
export const CARD_READ = "card read: please wait";
/** He may go: what the host may still take is undone. */
export const NO_WORD = "no word of the payment host";
const NO_CARD = "no card came";

/** Ends at once when nobody waits for the stage any more. */
export async function readAtBoard(
  board: BoardCard,
  { amounts }: TransactionRequest,
  listener: CallListener,
  patience: Patience,
): Promise<BoardReading> {
  const say = (text: string): void => tellPayer(listener, text);
  say(`${PRESENT_CARD}: ${formatMinor(totalOf(amounts), amounts.currency)}`);
  patience.onEnd(() => board.stop());
  const reading = await board.read();
  if (reading.kind === "declined") say(reading.message);
  if (reading.kind === "read") say(CARD_READ);
  return reading;
}

/** Sees to it that there is a credential to charge; else says why not. */
export async function cardToCharge(
  board: BoardCard,
  request: TransactionRequest,
  listener: CallListener,
  patience: Patience,
): Promise<string | undefined> {
  if (board.isReady) return undefined;
  const had = await readAtBoard(board, request, listener, patience);
  if (had.kind === "declined") return had.message;
  if (board.isReady) return undefined;
  tellPayer(listener, NO_CARD);
  return NO_CARD;
}

export function tellPayer({ event }: CallListener, text: string): void {
  event({ type: "progressMessage", data: { progressMessage: words(text) } });
}

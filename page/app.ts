// What every part of the page is drawn from and acts through.

import type { BenchAction } from "../bench/bench-action.ts";
import type { TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import type { Answer } from "./bench-socket.ts";
import type { Buyer } from "./buyer.ts";
import type { Picture } from "./picture.ts";

export type Panel = "buy" | "payment" | "orders" | "receipts" | "wire" | "log" | "scenarios";

/** What somebody has chosen on this page. */
export interface Chosen {
  /** The board that the panels are about. */
  board: string;
  panel: Panel;
  /** The frame that is looked into, by its number. */
  frame: number | undefined;
  /** Receipts, in hexadecimal digits, that are shown with one bit changed. */
  forged: Set<string>;
  /** What came of the last thing done, said to everybody. */
  said: string;
  isRefused: boolean;
  card: TestBehaviour;
  isStreamed: boolean;
  service: number;
  price: number;
  units: number;
  isRecording: boolean;
  /** The text of what was recorded last, or is to be replayed. */
  scenario: string;
}

export interface App {
  picture: Picture;
  /** Of this world: another begins with another. */
  buyer: Buyer;
  chosen: Chosen;
  /** Changes what is chosen, and draws. */
  choose(change: Partial<Chosen>): void;
  /** Brings a panel about a board into view. */
  show(panel: Panel, board: string): void;
  /** Does something to a board; a refusal is shown. */
  act(action: BenchAction): Promise<Answer>;
  ask(request: Readonly<Record<string, unknown>>, said: string): Promise<Answer>;
}

// What the application that buys is told, in the order in which it happens, one after the other. An application
// that throws, now or later, harms no purchase.

import type { StopCause } from "../../hal/loop-host.ts";
import type { Log } from "../log.ts";
import type { Fault } from "../result.ts";

/** An order, and what was offered for how much. */
interface Bought {
  device: string;
  order: string;
  service: number;
  price: number;
  units: number;
  totalMinor: number;
  currency: string;
}

export type ConsumerEvent =
  | {
      event: "discovery";
      device: string;
      name: string;
      types: readonly string[];
      verified: boolean;
      /** True when it no longer announces itself. */
      gone: boolean;
    }
  | (Bought & { event: "quote" })
  | (Bought & { event: "payment" })
  | { event: "begin"; device: string; order: string; session: number; units: number | undefined }
  | {
      event: "progress";
      device: string;
      order: string;
      session: number;
      /** Delivered so far in the session. */
      pulses: number;
      held: boolean;
    }
  | {
      event: "proof";
      device: string;
      order: string;
      session: number;
      /** All units of the order up to this one are paid with it. */
      units: number;
    }
  | {
      event: "end";
      device: string;
      order: string;
      session: number;
      pulses: number;
      amountMinor: number;
      currency: string;
      reason: string;
      /** The reading for which it ended, where one did it. */
      cause?: StopCause;
      /** Whether the order is closed with it. */
      closed: boolean;
    }
  | { event: "fault"; step: ConsumerStep; device?: string; order?: string; fault: Fault };

/** Each is one public method of Consumer or Dealer; docs/flows.md says what may follow what. */
export type ConsumerStep =
  | "setup"
  | "discover"
  | "choose"
  | "init"
  | "services"
  | "prices"
  | "select"
  | "pay"
  | "begin"
  | "end"
  | "close";

export type EventListener = (event: ConsumerEvent) => void | Promise<void>;

export class Events {
  readonly #log: Log | undefined;
  readonly #waiting: ConsumerEvent[] = [];
  #telling = false;
  #listener: EventListener | undefined;

  constructor(log: Log | undefined) {
    this.#log = log;
  }

  /** The last one set counts; undefined for none. */
  listen(listener: EventListener | undefined): void {
    this.#listener = listener;
  }

  /** What a listener brings about itself is told after the event that it is being told. */
  tell(event: ConsumerEvent): void {
    this.#waiting.push(event);
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#tellOne(next);
    }
    this.#telling = false;
  }

  #tellOne(event: ConsumerEvent): void {
    this.guard(event.event, () => this.#listener?.(event));
  }

  /** Calls what the application gave us; undefined when it throws. */
  guard<T>(event: ConsumerEvent["event"], call: () => T): T | undefined {
    try {
      const told: unknown = call();
      // It may be an async function, whose refusal would otherwise end the process.
      if (told instanceof Promise) told.catch((error: unknown) => this.#failed(event, error));
      return told as T;
    } catch (error) {
      this.#failed(event, error);
      return undefined;
    }
  }

  #failed(event: ConsumerEvent["event"], error: unknown): void {
    this.#log?.("warn", "listener-failed", { event, message: String(error).slice(0, 200) });
  }
}

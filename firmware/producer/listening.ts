// Asks the broker for what is meant for this device. A device that sells at its board does not wait for a broker that
// is out of reach: it is asked for when it is back.

import { after, type Clock } from "../../hal/clock.ts";
import type { Link } from "../../hal/link.ts";
import type { Log } from "../log.ts";
import { parseTopic } from "../protocol/topics.ts";
import type { Service } from "./catalogue.ts";
import type { Order } from "./order.ts";

/** A broker that is there answers in this time. */
const ANSWER_MS = 2_000;

/** Rejects with HalError, `refused` or `timeout`, unless the device sells `atBoard`. */
export async function listen(
  link: Link,
  filter: string,
  { clock, log, atBoard }: { clock: Clock; log: Log; atBoard: boolean },
): Promise<void> {
  const granted = link.subscribe(filter);
  if (!atBoard) return granted;
  const settled = granted.catch((error: unknown) => {
    log("error", "requests-unheard", { message: String(error) });
  });
  if (!link.connected()) return;
  await Promise.race([
    settled,
    new Promise<void>((resolve) => after(clock, ANSWER_MS, () => resolve())),
  ]);
}

export type OnFrame = (connection: string, payload: Uint8Array) => void;

/** What comes for the device, by its topic; what a broker kept was not meant for now. */
export function onFrames(
  link: Link,
  device: string,
  hear: Record<"request" | "proof", OnFrame>,
): void {
  link.onMessage(({ topic, payload, retained }) => {
    const parsed = parseTopic(topic);
    if (parsed?.is !== "request" && parsed?.is !== "proof") return;
    if (parsed.device === device && !retained) hear[parsed.is](parsed.connection, payload);
  });
}

/** Whether proofs of payment may come: another device does not ask for them. */
export function mayBeProved(services: readonly Service[], orders: Iterable<Order>): boolean {
  const isSold = services.some(({ stream }) => stream !== undefined);
  return isSold || [...orders].some(({ stream, closedS }) => stream && closedS === undefined);
}

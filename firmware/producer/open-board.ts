// Sales at the board of a device, wired to the parts that every sale has.

import { toHex } from "../bytes.ts";
import type { Result } from "../result.ts";
import type { Books, StartedDevice, StartedPorts } from "./books.ts";
import type { Delivery } from "./delivery.ts";
import type { Offers } from "./offers.ts";
import type { Order } from "./order.ts";
import type { Prepaid } from "./prepaid.ts";
import { openHand } from "./prepaid-hand.ts";
import type { Sale } from "./sale.ts";
import { openWalkUp, type WalkUp } from "./walk-up.ts";

export interface BoardParts {
  offers: Offers;
  sale: Sale;
  delivery: Delivery;
  prepaid: Prepaid;
  /** Errors: `expired` for a device for which nobody vouches any more. */
  vouched(): Result<void>;
  begun(order: Order): void;
  /** Its service was removed with a refund. */
  withdrawn(order: string): boolean;
}

/** Undefined for a device with nothing for people at the board. */
export function openBoard(
  ports: StartedPorts,
  { name, device, boxSecret }: StartedDevice,
  { journal, catalogue }: Books,
  { offers, sale, delivery, prepaid, ...parts }: BoardParts,
): WalkUp | undefined {
  const { clock, crypto, entropy, log, boardDesk, enqueue, offer } = ports;
  if (boardDesk === undefined) return undefined;
  const consumer = toHex(crypto.boxPublicKey(boxSecret));
  const handFirst = openHand({
    ...{ crypto, entropy, log, device, consumer, catalogue, prepaid, delivery, offer },
    board: () => walkUp,
    withdrawn: (order) => parts.withdrawn(order),
    begun: (order) => parts.begun(order),
  });
  const walkUp = openWalkUp({
    ...{ clock, log, name, journal, catalogue, consumer, handFirst },
    ...{ offers, sale, delivery, enqueue, offer },
    desk: boardDesk,
    vouched: () => parts.vouched(),
    begun: (order) => parts.begun(order),
  });
  return walkUp;
}

// A buyer who is no part of a bench's world: the project's own consumer on MQTT over WebSocket, who buys a minute.

import { randomBytes } from "node:crypto";
import { fromHex } from "../../firmware/bytes.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { type Receipt, verifyReceipt } from "../../firmware/token/receipt.ts";
import type { Clock } from "../../hal/clock.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { CARD, value } from "../sim/story.ts";

export interface WebSocketBuyer {
  url: string;
  /** In hexadecimal digits. */
  operatorKey: string;
  /** What the clocks of the bench show. */
  wallMs(): number;
  onBegun(): void;
}

/** The verified receipts. */
export async function buyByWebSocket(options: WebSocketBuyer): Promise<readonly Receipt[]> {
  const { url, operatorKey, wallMs, onBegun } = options;
  const crypto = openNodeCrypto();
  const clock: Clock = { ...openSystemClock(), wallMs, wallQuality: () => "set" };
  const entropy = openSystemEntropy();
  const connection = connectionName(randomBytes(6));
  const link = await openMqttLink({ url, clientId: connection });
  const consumer = new Consumer(
    { clock, store: simStore().store(), link, crypto, entropy },
    {
      ...{ connection, boxSecret: entropy.bytes(32), trustNew: false, simulatedHost: true },
      operators: [fromHex(operatorKey) ?? new Uint8Array()],
    },
  );
  try {
    value(await consumer.setup());
    const [found] = value(await consumer.discover({ timeoutMs: 20_000, enough: () => true }));
    if (found === undefined) throw new Error("no device");
    const dealer = value(await consumer.init(found));
    const { purchase } = value(await dealer.select({ service: 2, price: 1, units: 1 }));
    const paid = value(await dealer.pay(purchase, CARD));
    const ended = dealer.begin(paid, undefined, () => undefined);
    onBegun();
    value(await ended);
    const settled = await dealer.settled(paid, 60_000);
    return settled.receipts.map((signed) =>
      value(verifyReceipt(signed, dealer.announcement.verified.signKey, crypto)),
    );
  } finally {
    consumer.close();
    await link.close();
  }
}

// A consumer that was killed and started again: another process on the same store.

import { crypto, type Site } from "../../bench/site.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import type { SimStore } from "../../hal/sim/sim-store.ts";
import { value } from "./story.ts";

/** The client id of its connection. */
export function nameOf({ connection }: Consumer): string {
  return connection.replies.split("/")[2] ?? "";
}

/** Another process of consumer "b", on the same store. */
export async function again(site: Site, store: SimStore): Promise<Consumer> {
  const boxSecret = site.world.entropy("consumer b").bytes(32);
  const entropy = site.world.entropy("another process");
  const connection = connectionName(entropy.bytes(6));
  const link = site.broker.connect(connection);
  const consumer = new Consumer(
    { clock: site.world.clock, store: store.store(), link, crypto, entropy },
    {
      ...{ connection, boxSecret, operators: [site.operatorKey] },
      ...{ trustNew: false, simulatedHost: true },
    },
  );
  value(await consumer.setup());
  return consumer;
}

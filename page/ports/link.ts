// Link port of a browser: MQTT 3.1.1 on a WebSocket to the bench that serves the page. The library makes a lost connection again
// and asks for what was subscribed; what is published meanwhile is lost, as the port has it.

import mqtt from "mqtt";
import type { Link, LinkMessage } from "../../hal/link.ts";
import { socketAddress } from "../bench-socket.ts";

const CONNECT_MS = 10_000;
const AGAIN_MS = 500;

/** Rejects with the library's Error when the bench does not answer. */
export async function openPageLink(clientId: string): Promise<Link> {
  const url = socketAddress("mqtt");
  const client = await mqtt.connectAsync(
    url,
    {
      ...{ clientId, clean: true, protocolVersion: 4, keepalive: 30, queueQoSZero: false },
      ...{ connectTimeout: CONNECT_MS, reconnectPeriod: AGAIN_MS },
      // Of the library's two kinds of timers the plain one: the other is a worker made of text, which the page's policy refuses.
      timerVariant: "native",
    },
    false,
  );
  let onMessage: (message: LinkMessage) => void = () => undefined;
  let onState: (connected: boolean) => void = () => undefined;
  client.on("message", (topic, payload, { retain }) =>
    onMessage({ topic, payload: new Uint8Array(payload), retained: retain }),
  );
  client.on("connect", () => onState(true));
  client.on("close", () => onState(false));
  // Each is followed by another attempt, and shown by the state.
  client.on("error", () => undefined);
  return {
    publish: (topic, payload, options) => {
      if (!client.connected) return;
      client.publish(topic, payload as Buffer, { qos: 0, retain: options?.retain === true });
    },
    subscribe: async (filter) => {
      await client.subscribeAsync(filter, { qos: 0 });
    },
    onMessage: (listener) => {
      onMessage = listener;
    },
    onState: (listener) => {
      onState = listener;
    },
    connected: () => client.connected,
    close: () => client.endAsync(),
  };
}

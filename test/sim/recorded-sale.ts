// Every frame of a whole sale, as a listener on the broker saw it, and what was sealed in it: real bytes to
// spoil. The device still runs afterwards, and an order that is paid and not delivered is left with it.

import { crypto, type Site } from "../../bench/site.ts";
import { decodeReply, decodeRequest, envelopeNonce } from "../../firmware/protocol/envelope.ts";
import { decodeMessage } from "../../firmware/protocol/message-codec.ts";
import type { Message } from "../../firmware/protocol/messages.ts";
import { parseTopic } from "../../firmware/protocol/topics.ts";
import { type Met, paid, value, wait } from "./story.ts";

export interface Recorded {
  /** As they went over the broker. */
  announcements: readonly Uint8Array[];
  requests: readonly Uint8Array[];
  replies: readonly Uint8Array[];
  /** The messages in them, opened. */
  asked: readonly Uint8Array[];
  answered: readonly Uint8Array[];
  /** Signed objects that were in the messages. */
  signed: readonly Uint8Array[];
}

/** A sale in two sessions, with every request that there is, and a second order that stays paid. */
export async function recordSale(met: Met): Promise<Recorded> {
  const { site, dealer, consumer } = met;
  const heard: { topic: string; payload: Uint8Array }[] = [];
  const spy = site.broker.connect("listener");
  spy.onMessage((message) => heard.push(message));
  await spy.subscribe("#");
  await dealer.requestServices();
  await dealer.getPrices(1);
  for (const message of [
    { is: "get-identity" },
    { is: "get-readings" },
    { is: "get-operation" },
    { is: "operate", command: new Uint8Array(200).fill(0x58) },
  ] as const) {
    await consumer.connection.request(dealer.peer, message);
  }
  const purchase = await paid(met, 2);
  value(await dealer.begin(purchase, 1, () => undefined));
  const ended = dealer.begin(purchase, undefined, () => undefined);
  await wait(site, 5_000);
  value(await dealer.end(purchase));
  value(await ended);
  // Frames about an order that could still be served: what a stranger must not be able to do with them.
  value(await dealer.begin(await paid(met, 100), 1, () => undefined));
  await wait(site, 5_000);
  await spy.close();
  return opened(site, heard, consumer.connection.boxKey);
}

function opened(
  site: Site,
  heard: readonly { topic: string; payload: Uint8Array }[],
  boxKey: Uint8Array,
): Recorded {
  const shared = crypto.boxShared(boxKey, site.secrets.boxSecret) ?? new Uint8Array();
  const epoch = site.epochs.at(-1) ?? 0;
  const announcements: Uint8Array[] = [];
  const requests: Uint8Array[] = [];
  const replies: Uint8Array[] = [];
  const asked: Uint8Array[] = [];
  const answered: Uint8Array[] = [];
  for (const { topic, payload } of heard) {
    const parsed = parseTopic(topic);
    if (parsed?.is === "announcement") announcements.push(payload);
    if (parsed?.is === "request") {
      requests.push(payload);
      const { id, box } = value(decodeRequest(payload));
      const nonce = envelopeNonce("request", parsed.connection, epoch, id, 0);
      asked.push(crypto.open(box, nonce, shared) ?? new Uint8Array());
    }
    if (parsed?.is === "reply") {
      replies.push(payload);
      const frame = value(decodeReply(payload));
      if (!("box" in frame)) continue;
      const nonce = envelopeNonce("reply", parsed.connection, epoch, frame.id, frame.n);
      answered.push(crypto.open(frame.box, nonce, shared) ?? new Uint8Array());
    }
  }
  const signed = answered.flatMap((plain) => signedIn(value(decodeMessage(plain))));
  return { announcements, requests, replies, asked, answered, signed };
}

function signedIn(message: Message): Uint8Array[] {
  if (message.is === "offer") return [message.offer];
  if (message.is === "paid") return [message.token];
  return message.is === "receipts" ? [...message.receipts] : [];
}

// The consumer's end of the envelope on a link where anybody may answer: whose key seals what, and what a
// forged hint can bring about.

import { describe, expect, test } from "vitest";
import { Connection, type Peer } from "../../../firmware/consumer/connection.ts";
import {
  decodeRequest,
  encodeHint,
  encodeReply,
  envelopeNonce,
  type RequestFrame,
} from "../../../firmware/protocol/envelope.ts";
import { decodeMessage, encodeMessage } from "../../../firmware/protocol/message-codec.ts";
import type { Message } from "../../../firmware/protocol/messages.ts";
import type { Result } from "../../../firmware/result.ts";
import type { Link } from "../../../hal/link.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { crypto } from "../../support/sale.ts";

const NAME = "AAAAAAAA";
const DEVICE = "CwgMb0GsGAI";
const EPOCH = 5;
const order = "00".repeat(8);
const deviceSecret = new Uint8Array(32).fill(1);
const otherSecret = new Uint8Array(32).fill(2);

function connect() {
  const world = simWorld({ seed: 1 });
  const frames: RequestFrame[] = [];
  const publish = (_topic: string, payload: Uint8Array): void => {
    const frame = decodeRequest(payload);
    if (frame.ok) frames.push(frame.value);
  };
  const link = { publish } as Partial<Link> as Link;
  const own = new Uint8Array(32).fill(3);
  const connection = new Connection({ link, crypto, clock: world.clock }, NAME, own);
  const pushed: [Message["is"], string | undefined][] = [];
  const peer = (secret: Uint8Array): Peer => ({
    device: DEVICE,
    boxKey: crypto.boxPublicKey(secret),
    epoch: EPOCH,
    onPush: (message, about) => pushed.push([message.is, about]),
  });
  const sharedOf = (secret: Uint8Array): Uint8Array =>
    crypto.boxShared(connection.boxKey, secret) ?? new Uint8Array();
  /** The message of the newest frame, to whoever has this secret in this epoch. */
  const opened = (secret: Uint8Array, epoch = EPOCH): Message["is"] | undefined => {
    const frame = frames.at(-1);
    if (frame === undefined) return undefined;
    const nonce = envelopeNonce("request", NAME, epoch, frame.id, 0);
    const plain = crypto.open(frame.box, nonce, sharedOf(secret));
    const message = plain && decodeMessage(plain);
    return message?.ok ? message.value.is : undefined;
  };
  const answer = (id: number, message: Message, epoch = EPOCH): void => {
    const nonce = envelopeNonce("reply", NAME, epoch, id, 1);
    const box = crypto.seal(encodeMessage(message), nonce, sharedOf(deviceSecret));
    connection.onPayload(encodeReply({ id, n: 1, box }));
  };
  const hint = (id: number, epoch: number): void => connection.onPayload(encodeHint({ id, epoch }));
  return { world, connection, frames, pushed, peer, opened, answer, hint };
}

const asks: Message = { is: "get-services" };
const services: Message = { is: "services", services: [] };

test("a message is sealed to the key of its peer, whoever else claimed that device before", () => {
  const { connection, peer, opened, frames } = connect();
  void connection.request(peer(otherSecret), asks);
  expect(opened(otherSecret)).toBe("get-services");
  void connection.request(peer(deviceSecret), asks);
  expect(opened(deviceSecret)).toBe("get-services");
  expect(opened(otherSecret)).toBeUndefined();
  expect(frames.at(-1)?.consumerKey).toBeDefined();
});

test("a push comes with the order that was asked about", () => {
  const { connection, peer, pushed, answer } = connect();
  const device = peer(deviceSecret);
  void connection.request(device, asks);
  void connection.request(device, { is: "get-order", order });
  answer(2, { is: "metering", session: 1, pulses: 2 });
  answer(1, { is: "metering", session: 1, pulses: 2 });
  expect(pushed).toEqual([
    ["metering", order],
    ["metering", undefined],
  ]);
});

describe("hints", () => {
  test("of another epoch do not outlast their request, and its first answer still counts", async () => {
    const { connection, peer, opened, answer, hint } = connect();
    const device = peer(deviceSecret);
    const asked = connection.request(device, asks);
    hint(1, 7777);
    expect(opened(deviceSecret, 7777)).toBe("get-services");
    answer(1, services);
    expect(await asked).toMatchObject({ ok: true });
    expect(device.epoch).toBe(EPOCH);
    void connection.request(device, asks);
    expect(opened(deviceSecret)).toBe("get-services");
  });

  test("that are forged, however many, cost a limited number of seals between two resends", async () => {
    const { world, connection, peer, frames, hint, answer } = connect();
    const device = peer(deviceSecret);
    let reply: Result<Message> | undefined;
    void connection.request(device, asks).then((told) => {
      reply = told;
    });
    for (let epoch = 100; epoch < 200; epoch++) hint(1, epoch);
    expect(frames).toHaveLength(9);
    await world.runFor(1_500);
    // Sent again for the epoch that was announced, and for the one last hinted at.
    expect(frames).toHaveLength(11);
    hint(1, EPOCH + 1);
    expect(frames).toHaveLength(12);
    answer(1, services, EPOCH + 1);
    await world.runFor(1);
    expect(reply).toMatchObject({ ok: true });
    expect(device.epoch).toBe(EPOCH + 1);
  });

  test("that are true lead to the epoch in which the device answers, and a late answer not back", async () => {
    const { connection, peer, opened, answer, hint } = connect();
    const device = peer(deviceSecret);
    const [first, second] = [connection.request(device, asks), connection.request(device, asks)];
    hint(2, EPOCH + 1);
    answer(2, services, EPOCH + 1);
    answer(1, services, EPOCH);
    expect([(await first).ok, (await second).ok]).toEqual([true, true]);
    void connection.request(device, asks);
    expect(opened(deviceSecret, EPOCH + 1)).toBe("get-services");
  });
});

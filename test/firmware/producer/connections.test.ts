// The device's end of the envelope by itself: what a new epoch does to answers that were still under way.

import { expect, test } from "vitest";
import { openConnections } from "../../../firmware/producer/connections.ts";
import { decodeReply, encodeRequest, envelopeNonce } from "../../../firmware/protocol/envelope.ts";
import { encodeMessage } from "../../../firmware/protocol/message-codec.ts";
import type { Message } from "../../../firmware/protocol/messages.ts";
import type { Link } from "../../../hal/link.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const crypto = openNodeCrypto();
const NAME = "AAAAAAAA";
const ASK: Message = { is: "get-identity" };
const ANSWER: Message = { is: "ending", running: false };

function device(epoch: number) {
  const world = simWorld({ seed: 1 });
  const entropy = world.entropy("keys");
  const [boxSecret, consumerSecret] = [entropy.bytes(32), entropy.bytes(32)];
  const consumerKey = crypto.boxPublicKey(consumerSecret);
  const shared = crypto.boxShared(crypto.boxPublicKey(boxSecret), consumerSecret);
  if (shared === undefined) throw new Error("no key");
  const sent: Uint8Array[] = [];
  const link = {
    publish: (_topic: string, payload: Uint8Array) => sent.push(payload),
  } as unknown as Link;
  const ports = { link, crypto, clock: world.clock, full: () => undefined };
  const connections = openConnections(ports, boxSecret, epoch);
  const ask = (inEpoch: number, id: number) => {
    const nonce = envelopeNonce("request", NAME, inEpoch, id, 0);
    const box = crypto.seal(encodeMessage(ASK), nonce, shared);
    return connections.open(NAME, encodeRequest({ id, box, consumerKey }))?.caller;
  };
  /** Epoch and counter under which the n-th payload opens. */
  const sealedAs = (at: number, epochs: readonly number[]): string[] => {
    const frame = decodeReply(sent[at] ?? new Uint8Array());
    if (!frame.ok || !("box" in frame.value)) return [];
    const { id, n, box } = frame.value;
    return epochs
      .filter((one) => crypto.open(box, envelopeNonce("reply", NAME, one, id, n), shared))
      .map((one) => `${one}/${n}`);
  };
  return { connections, sent, ask, sealedAs };
}

test("I11: a new epoch drops the answers that were under way; the repeated request gets its own", () => {
  const { connections, sent, ask } = device(1);
  const before = ask(1, 1);
  if (before === undefined) throw new Error("not opened");
  connections.renew(2);
  connections.reply(before, ANSWER);
  connections.push(before, ANSWER);
  expect(sent.length).toBe(0);
  const repeated = ask(2, 1);
  if (repeated === undefined) throw new Error("not opened");
  connections.refuse(before, { kind: "payment-pending", message: "ask again" });
  expect(sent.length).toBe(0);
  connections.push(before, ANSWER);
  connections.reply(repeated, ANSWER);
  expect(sent.length).toBe(2);
});

test("I11: no two payloads are sealed with the same epoch and counter", () => {
  const { connections, sent, ask, sealedAs } = device(1);
  for (const epoch of [1, 2, 3]) {
    if (epoch > 1) connections.renew(epoch);
    for (const id of [1, 2]) {
      const caller = ask(epoch, id);
      if (caller === undefined) throw new Error("not opened");
      connections.reply(caller, ANSWER);
      connections.push(caller, ANSWER);
    }
  }
  const pairs = sent.map((_, at) => sealedAs(at, [1, 2, 3]).join());
  expect(new Set(pairs).size).toBe(12);
  expect(pairs.every((pair) => /^\d\/\d+$/.test(pair))).toBe(true);
  expect(() => connections.renew(3)).toThrow("an epoch never comes twice");
});

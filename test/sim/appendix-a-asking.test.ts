// The reference transcript of this protocol's ancestor, tried against us: what can be asked before there is an
// order. The rest of it is in appendix-a.test.ts.

import { describe, expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { FAULT_CODES, type FaultKind } from "../../firmware/fault.ts";
import { type CborValue, encodeCbor } from "../../firmware/protocol/cbor.ts";
import { encodeRequest } from "../../firmware/protocol/envelope.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import type { MessageOf } from "../../firmware/protocol/messages.ts";
import { requestTopic } from "../../firmware/protocol/topics.ts";
import { RawClient } from "./raw-client.ts";
import { deal, kind, story, wait } from "./story.ts";

function plain(fields: readonly (readonly [number, CborValue])[]): Uint8Array {
  return encodeCbor(new Map(fields));
}

describe("quote", () => {
  const rows: [string, CborValue, FaultKind][] = [
    ["-3 units", -3, "malformed"],
    ["2^63-1 units", 2n ** 63n - 1n, "malformed"],
    ["0 units", 0, "units-out-of-range"],
  ];
  test.each(rows)("%s: refused, and there is no offer", async (_, units, fault) => {
    const site = await story(async (met) => {
      const raw = await new RawClient(met.site, "quote", met.dealer.peer.boxKey).open();
      const answer = await raw.say(
        plain([
          [0, 7],
          [1, 1],
          [2, 1],
          [3, units],
        ]),
      );
      const { at } = answer.message as MessageOf<"fault">;
      expect(answer.code).toBe(FAULT_CODES[fault]);
      expect(at).toMatch(/units|select\.3/);
    });
    expect(site.producer?.status().offers).toBe(0);
  });

  test("empty client: nobody without a key of his own gets more than a hint", async () => {
    const site = await story(async (met) => {
      const raw = await new RawClient(met.site, "nobody", met.dealer.peer.boxKey).open();
      const box = new Uint8Array(40);
      expect((await raw.send(encodeRequest({ id: 1, box }))).is).toBe("hint");
      const zero = new Uint8Array(32);
      expect((await raw.send(encodeRequest({ id: 2, box, consumerKey: zero }))).is).toBe("hint");
      const empty = encodeCbor([3, box, new Uint8Array()]);
      expect((await raw.send(empty)).is).toBe("nothing");
    });
    expect(site.producer?.status()).toMatchObject({ offers: 0, dropped: 3 });
  });

  test("8 clients x 400 quotes at once: each answer is an offer or a typed fault, and memory stays bounded", async () => {
    await story(async ({ site }) => {
      const names = Array.from({ length: 8 }, (_, n) => `c${n}`);
      const dealers = await Promise.all(
        names.map(async (name) => deal(site, await site.consumer(name))),
      );
      const answers = await Promise.all(
        dealers.flatMap((dealer) =>
          Array.from({ length: 400 }, () => dealer.select({ service: 1, price: 1, units: 1 })),
        ),
      );
      expect(answers.length).toBe(3_200);
      const kinds = new Set(answers.map(kind));
      for (const one of kinds) expect(["ok", "too-many", "internal", "timed-out"]).toContain(one);
      expect(answers.filter(({ ok }) => ok).length).toBeGreaterThan(400);
      expect(site.producer?.status().offers).toBeLessThanOrEqual(64);
      expect(durableOrders(site)).toEqual([]);
      const [dealer] = dealers;
      expect(dealer && kind(await dealer.select({ service: 1, price: 1, units: 1 }))).toBe("ok");
    });
  }, 60_000);
});

test("prices, unknown service and no number: typed faults that name the field", async () => {
  await story(async (met) => {
    const raw = await new RawClient(met.site, "prices", met.dealer.peer.boxKey).open();
    for (const [service, fault] of [
      [9, "service-unknown"],
      ["abc", "malformed"],
    ] as const) {
      const answer = await raw.say(
        plain([
          [0, 5],
          [1, service],
        ]),
      );
      expect(answer.code).toBe(FAULT_CODES[fault]);
      expect((answer.message as MessageOf<"fault">).at).toMatch(/service|get-prices\.1/);
    }
  });
});

test("wrong method: a reply sent as a request is refused, on another's topic nothing hears it", async () => {
  await story(async (met) => {
    const { site, dealer } = met;
    const raw = await new RawClient(site, "method", dealer.peer.boxKey).open();
    const begun = encodeMessage({ is: "begun", pulses: 500, startReading: 0 });
    expect((await raw.say(begun)).code).toBe(FAULT_CODES.unsupported);
    const frame = raw.seal(encodeMessage({ is: "get-services" }));
    const before = site.producer?.status().dropped;
    raw.link.publish(requestTopic("AAAAAAAAAAA", raw.connection), frame);
    raw.link.publish(requestTopic(site.device, "someother"), frame);
    await wait(site, 500);
    expect(site.producer?.status().dropped).toBe(before);
  });
});

// Proofs as they come to a device: judged by their bytes, kept in memory, and cheap to refuse.

import { beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../../firmware/bytes.ts";
import type { Order } from "../../../firmware/producer/order.ts";
import { withStream } from "../../../firmware/producer/order-stream.ts";
import { StreamProofs } from "../../../firmware/producer/stream-proofs.ts";
import { encodeProof } from "../../../firmware/protocol/stream-proof.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { wholeChain } from "../../sim/stream-payer-stand.ts";
import { story } from "../../support/sale.ts";

const node = openNodeCrypto();
const { id: _, consumer: __, expiresS: ___, ...terms } = story.offer;
const UNITS = 100;
const [A, B] = ["0011223344556677", "8899aabbccddeeff"] as const;
const chains = Object.fromEntries(
  [A, B].map((id) => [id, wholeChain(UNITS, id, new Uint8Array(32).fill(9))]),
);
const link = (order: string, units: number) => chains[order]?.[units] ?? new Uint8Array(16);

function running(id: string, step: number, window: number): Order {
  return {
    id,
    consumer: "00".repeat(32),
    terms: { ...terms, units: UNITS, numerator: 1, denominator: 1 },
    outlet: "socket",
    meter: "energy",
    tokenLifeS: 60,
    offer: new Uint8Array(1),
    state: "paid",
    madeS: 1,
    takenMinor: 0,
    grantPulses: UNITS,
    pulses: 0,
    sessions: 0,
    acknowledged: 0,
    running: { session: 1, total: UNITS, reserved: 1, recorded: 0, startReading: 0 },
    stream: {
      commitment: new Uint8Array(1),
      proved: 0,
      link: link(id, 0),
      step,
      window,
      unpaidPulses: 0,
    },
  };
}

let orders: Map<string, Order>;
let hashes = 0;
let told: [string, number][] = [];
let proofs: StreamProofs;
const world = simWorld({ seed: 1 });
const crypto = {
  ...node,
  digest: (bytes: Uint8Array) => {
    hashes += 1;
    return node.digest(bytes);
  },
};
const proved = (id: string) => proofs.current(orders.get(id) as Order).stream?.proved;
const take = (connection: string, units: number, of: Uint8Array) =>
  proofs.take(connection, encodeProof({ units, link: of }));

beforeEach(() => {
  orders = new Map([A, B].map((id) => [id, running(id, 4, 16)]));
  told = [];
  proofs = new StreamProofs({
    clock: world.clock,
    crypto,
    order: (id) => orders.get(id),
    proved: (one) => told.push([one.id, one.stream?.proved ?? 0]),
  });
  for (const one of orders.values()) proofs.hear(one, "AAAAAAAA");
  hashes = 0;
});

describe("a proof", () => {
  test("counts for the order whose chain it is of, of all that are paid over its connection", () => {
    take("AAAAAAAA", 4, link(B, 4));
    expect([proved(A), proved(B)]).toEqual([0, 4]);
    expect(told).toEqual([[B, 4]]);
    expect(proofs.dropped).toBe(0);
  });

  test("may skip those before it; one that comes again, or late, changes nothing", () => {
    take("AAAAAAAA", 8, link(A, 8));
    take("AAAAAAAA", 8, link(A, 8));
    take("AAAAAAAA", 4, link(A, 4));
    expect(proved(A)).toBe(8);
    expect(told).toEqual([[A, 8]]);
    expect(proofs.dropped).toBe(2);
  });

  test("of nobody's connection, or of an order that has ended, costs no hash", () => {
    take("BBBBBBBB", 4, link(A, 4));
    proofs.forget(orders.get(A) as Order);
    proofs.forget(orders.get(B) as Order);
    take("AAAAAAAA", 4, link(A, 4));
    expect([hashes, proofs.dropped]).toEqual([0, 2]);
  });

  test("goes with its payer to another connection, and not to the one that he left", () => {
    proofs.hear(orders.get(A) as Order, "BBBBBBBB");
    take("AAAAAAAA", 4, link(A, 4));
    expect(proved(A)).toBe(0);
    take("BBBBBBBB", 4, link(A, 4));
    expect(proved(A)).toBe(4);
  });

  test("is on top of what is on disk, and never takes it back", () => {
    take("AAAAAAAA", 4, link(A, 4));
    orders.set(A, withStream(orders.get(A) as Order, { proved: 4, link: link(A, 4) }));
    take("AAAAAAAA", 12, link(A, 12));
    expect(proved(A)).toBe(12);
    const { stream } = proofs.current(orders.get(A) as Order);
    expect(toHex(stream?.link ?? new Uint8Array())).toBe(toHex(link(A, 12)));
  });
});

describe("I11: what is no proof", () => {
  test("and too far ahead is not hashed", () => {
    take("AAAAAAAA", 21, link(A, 21));
    take("AAAAAAAA", 65_535, link(A, 100));
    expect([hashes, proved(A)]).toEqual([0, 0]);
  });

  test("costs less and less: after many, only the very next proof is looked into", () => {
    proofs.forget(orders.get(B) as Order);
    for (let i = 0; i < 1_000; i++) take("AAAAAAAA", 20, new Uint8Array(16).fill(i));
    // 20 at once, of 20 hashes each.
    expect(hashes).toBe(20 * 20);
    for (let i = 0; i < 10; i++) take("AAAAAAAA", 4, new Uint8Array(16).fill(i));
    expect(hashes).toBe(20 * 20 + 10 * 4);
    take("AAAAAAAA", 4, link(A, 4));
    expect(proved(A)).toBe(4);
  });

  test("costs little also where the payer himself chose long steps", () => {
    const long = running(A, 90, 0);
    orders = new Map([[A, long]]);
    proofs.forget(orders.get(B) ?? running(B, 1, 1));
    for (let i = 0; i < 1_000; i++) take("AAAAAAAA", 90, new Uint8Array(16).fill(i));
    expect(hashes).toBe(20 * 90);
    take("AAAAAAAA", 60, link(A, 60));
    expect(proved(A)).toBe(60);
  });

  test("is looked into again after a while", async () => {
    for (let i = 0; i < 50; i++) take("AAAAAAAA", 20, new Uint8Array(16).fill(i));
    take("AAAAAAAA", 20, link(A, 20));
    expect(proved(A)).toBe(0);
    await world.runFor(2_000);
    take("AAAAAAAA", 20, link(A, 20));
    expect(proved(A)).toBe(20);
  });
});

describe("a proof that comes with the request to begin", () => {
  const idle = (one: Order): Order => {
    const { running: __, ...rest } = one;
    return rest;
  };

  test("may be further ahead, of another session's terms, and is kept by the order alone", () => {
    const one = idle(orders.get(A) as Order);
    const shown = proofs.shown(one, { units: 90, link: link(A, 90) });
    expect(shown).toMatchObject({ ok: true, value: { stream: { proved: 90 } } });
    expect(proved(A)).toBe(0);
  });

  test("is refused where it is of another chain; one of old says nothing new", () => {
    const one = idle(withStream(orders.get(A) as Order, { proved: 8, link: link(A, 8) }));
    const other = proofs.shown(one, { units: 9, link: link(B, 9) });
    expect(other).toMatchObject({ ok: false, fault: { kind: "commitment-invalid" } });
    const old = proofs.shown(one, { units: 3, link: new Uint8Array(16) });
    expect(old).toMatchObject({ ok: true, value: { stream: { proved: 8 } } });
  });

  test("counts at once where the session runs already", () => {
    const one = orders.get(A) as Order;
    proofs.shown(one, { units: 8, link: link(A, 8) });
    expect(proved(A)).toBe(8);
    expect(told).toEqual([[A, 8]]);
  });
});

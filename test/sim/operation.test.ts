// The operator's commands to a running device: carried out once, in turn, by the right key, on record; and what
// becomes of them when they are repeated, replayed, forged, or cut by the power.

import { describe, expect, test } from "vitest";
import { crypto, ENERGY, type Site } from "../../bench/site.ts";
import { FAULT_CODES, type FaultKind } from "../../firmware/fault.ts";
import { type Action, signCommand, verifyCommand } from "../../firmware/producer/command.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { PRICES_MAX } from "../../firmware/protocol/messages.ts";
import { announcementTopic } from "../../firmware/protocol/topics.ts";
import type { Signer } from "../../hal/crypto.ts";
import { type Answer, RawClient } from "./raw-client.ts";
import { deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const STATUS: Action = { do: "status" };
const SECOND = { ...ENERGY, id: 2, name: "Second" };

class Operator {
  readonly site: Site;
  readonly client: RawClient;

  constructor(site: Site, client: RawClient) {
    this.site = site;
    this.client = client;
  }

  static async open({ site, dealer }: Met, name = "operator"): Promise<Operator> {
    const client = await new RawClient(site, name, dealer.peer.boxKey).open();
    client.epoch = site.epochs.at(-1) ?? 1;
    return new Operator(site, client);
  }

  async next(): Promise<number> {
    const { message } = await this.client.say(encodeMessage({ is: "get-operation" }));
    if (message?.is !== "operation") throw new Error("no number");
    return message.number;
  }

  sign(action: Action, number: number, signer: Signer = this.site.operator): Uint8Array {
    const atS = Math.floor(this.site.world.clock.wallMs() / 1000);
    return value(signCommand({ device: this.site.device, number, atS, action }, signer));
  }

  send(command: Uint8Array): Promise<Answer> {
    return this.client.say(encodeMessage({ is: "operate", command }));
  }

  async do(action: Action): Promise<Answer> {
    return this.send(this.sign(action, await this.next()));
  }
}

/** "ok", or the kind of the fault. */
function outcome({ is, code }: Answer): FaultKind | string {
  if (is === "operated") return "ok";
  const found = Object.entries(FAULT_CODES).find(([, one]) => one === code);
  return found?.[0] ?? is;
}

function answered({ message }: Answer): Record<string, unknown> {
  if (message?.is !== "operated") throw new Error("not carried out");
  return JSON.parse(message.answer ?? "{}");
}

test("an operator changes services and prices, hears how the device is, and all of it is on record", async () => {
  await story(async (met) => {
    const operator = await Operator.open(met);
    const night = { id: 2, name: "Night", amountMinor: 30, currency: "EUR" };
    const actions: Action[] = [
      { do: "service-add", service: SECOND },
      { do: "price-set", service: 2, price: night },
      { do: "price-remove", service: 2, price: 1 },
      { do: "broadcast-stop" },
      { do: "broadcast-start", durationMs: 5_000 },
      { do: "service-remove", service: 7, policy: "refund" },
    ];
    const outcomes: string[] = [];
    for (const action of actions) outcomes.push(outcome(await operator.do(action)));
    expect(outcomes).toEqual(["ok", "ok", "ok", "ok", "ok", "service-unknown"]);
    expect(kind(await met.dealer.select({ service: 2, price: 2, units: 1 }))).toBe("ok");
    expect(met.site.producer?.broadcasting).toBe(true);
    await wait(met.site, 6_000);
    expect(met.site.producer?.broadcasting).toBe(false);
    const listed = answered(await operator.do({ do: "services", from: 2 }));
    expect(listed).toMatchObject({
      services: [{ id: 2, origin: "changed", prices: [{ id: 2, origin: "changed" }] }],
    });
    const commits = met.site.store.commits();
    const status = answered(await operator.do(STATUS));
    expect(status).toMatchObject({ ready: true, reasons: [], loop: true, running: 0, epoch: 1 });
    const audit = answered(await operator.do({ do: "audit", from: 0 }));
    expect(audit).toMatchObject({
      commands: [
        {
          number: 6,
          action: "service-remove",
          about: "service 7, refund",
          outcome: "service-unknown",
        },
        { number: 5, action: "broadcast-start", about: "5000 ms" },
        { number: 4, action: "broadcast-stop" },
        { number: 3, action: "price-remove", about: "service 2, price 1" },
        { number: 2, action: "price-set" },
        { number: 1, action: "service-add", about: "service 2", outcome: "ok" },
      ],
    });
    // Questions cost the disk nothing, and use up no number.
    expect(met.site.store.commits()).toBe(commits);
    expect(await operator.next()).toBe(7);
  });
});

test("I11: another key, another device, another number or a changed byte is refused and changes nothing", async () => {
  await story(async (met) => {
    const operator = await Operator.open(met);
    const add: Action = { do: "service-add", service: SECOND };
    const stranger = crypto.signer(met.site.world.entropy("stranger").bytes(32));
    const commits = met.site.store.commits();
    expect(outcome(await operator.send(operator.sign(add, 1, stranger)))).toBe("not-operator");
    const elsewhere = { device: "AAAAAAAAAAA", number: 1, atS: 0, action: add };
    const forAnother = value(signCommand(elsewhere, met.site.operator));
    expect(outcome(await operator.send(forAnother))).toBe("not-operator");
    for (const number of [0, 2, 4_000_000_000]) {
      expect(outcome(await operator.send(operator.sign(add, number)))).toBe("operation-number");
    }
    const touched = operator.sign(add, 1);
    touched[touched.length - 70] = (touched[touched.length - 70] ?? 0) ^ 1;
    expect(["not-operator", "malformed"]).toContain(outcome(await operator.send(touched)));
    expect(outcome(await operator.send(new Uint8Array(1536).fill(0x9f)))).toBe("malformed");
    expect(met.site.store.commits()).toBe(commits);
    expect(met.site.producer?.services().map(({ service }) => service.id)).toEqual([1]);
    expect(await operator.next()).toBe(1);
  });
});

test("a repeated command gets the same answer again and does nothing, from anywhere and after a restart", async () => {
  await story(async (met) => {
    const operator = await Operator.open(met);
    const remove = operator.sign({ do: "service-remove", service: 1, policy: "honour" }, 1);
    expect(outcome(await operator.send(remove))).toBe("ok");
    const silence = operator.sign({ do: "broadcast-stop" }, 2);
    expect(outcome(await operator.send(silence))).toBe("ok");
    await met.site.producer?.startBroadcast();
    await wait(met.site, 60_000);
    const elsewhere = await Operator.open(met, "another");
    expect(outcome(await elsewhere.send(silence))).toBe("ok");
    expect(met.site.producer?.broadcasting).toBe(true);
    expect(outcome(await elsewhere.send(remove))).toBe("operation-number");
    met.site.cut();
    await met.site.powerOn();
    await deal(met.site, met.consumer);
    const later = await Operator.open(met, "later");
    expect(outcome(await later.send(silence))).toBe("ok");
    expect(met.site.producer?.broadcasting).toBe(true);
    expect(outcome(await later.send(remove))).toBe("operation-number");
    // Refused, and its number is used up: it cannot be kept for a better moment.
    const missing = later.sign({ do: "service-remove", service: 2, policy: "refund" }, 3);
    expect(outcome(await later.send(missing))).toBe("service-unknown");
    expect(kind((await met.site.producer?.addService(SECOND)) ?? { ok: true, value: 0 })).toBe(
      "ok",
    );
    expect(outcome(await later.send(missing))).toBe("service-unknown");
    expect(await later.next()).toBe(4);
    expect(met.site.producer?.services().map(({ service }) => service.id)).toEqual([2]);
  });
});

test("the change, its number and its record are one commit: the power may fail anywhere", async () => {
  const outcomes = new Set<string>();
  for (let place = 1; place <= 6; place++) {
    let left = Number.POSITIVE_INFINITY;
    await story(
      async (met) => {
        const operator = await Operator.open(met);
        const command = operator.sign({ do: "service-add", service: SECOND }, 1);
        left = place;
        await operator.send(command);
        left = Number.POSITIVE_INFINITY;
        await wait(met.site, 10_000);
        const sold = met.site.store.durable("service").length;
        const audited = met.site.store.durable("audit").length;
        outcomes.add(`${sold} ${audited} ${met.site.store.durable("operation").length}`);
        await deal(met.site, met.consumer);
        const again = await Operator.open(met, "again");
        expect(outcome(await again.send(command))).toBe("ok");
        expect(met.site.producer?.services()).toHaveLength(2);
        expect(met.site.store.durable("audit")).toHaveLength(1);
      },
      {
        cutAt: () => {
          left -= 1;
          return left === 0;
        },
      },
    );
  }
  expect([...outcomes].sort()).toEqual(["0 0 0", "1 1 1"]);
});

test("an outlet is opened by stopping what runs there; the order is settled with the reason", async () => {
  await story(async (met) => {
    const operator = await Operator.open(met);
    expect(outcome(await operator.do({ do: "outlet-open", outlet: "nowhere" }))).toBe("not-found");
    expect(answered(await operator.do({ do: "outlet-open", outlet: "socket-1" }))).toEqual({});
    const bought = await paid(met, 2);
    const ended = met.dealer.begin(bought, undefined, () => undefined);
    await wait(met.site, 5_000);
    expect(met.site.board.metal.outlet("socket-1").contact).toBe(true);
    const opened = answered(await operator.do({ do: "outlet-open", outlet: "socket-1" }));
    expect(opened).toEqual({ stopped: bought.id });
    expect(met.site.board.metal.outlet("socket-1").contact).toBe(false);
    const delivered = value(await ended);
    expect(delivered.receipts[0]).toMatchObject({ reason: "operator-stop" });
    expect(delivered.purchase.state).toBe("closed");
  });
});

test("of commands on record the last 1,000 are kept, and pages lead to every one of them", async () => {
  await story(async (met) => {
    const operator = await Operator.open(met);
    for (let number = 1; number <= 1_010; number++) {
      const command = operator.sign({ do: "broadcast-stop" }, number);
      operator.client.send(operator.client.seal(encodeMessage({ is: "operate", command })));
      await wait(met.site, 20);
    }
    expect(met.site.store.durable("audit")).toHaveLength(1_000);
    let from = 0;
    const seen: number[] = [];
    do {
      const page = answered(await operator.do({ do: "audit", from }));
      const { commands, next } = page as { commands: { number: number }[]; next?: number };
      seen.push(...commands.map(({ number }) => number));
      from = next ?? 0;
    } while (from > 0 && seen.length < 100);
    expect(seen.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, i) => 1_010 - i));
  });
}, 60_000);

test("a broadcast that is commanded just before the device stops does not outlive it", async () => {
  await story(
    async (met) => {
      const { site } = met;
      const operator = await Operator.open(met);
      const start = operator.sign({ do: "broadcast-start", durationMs: 0 }, 1);
      void operator.send(start);
      await wait(site, 50);
      expect(kind((await site.producer?.close()) ?? { ok: true, value: 0 })).toBe("ok");
      expect(site.store.durable("audit")).toHaveLength(1);
      await wait(site, 1_000);
      expect(site.broker.retained(announcementTopic(site.device)) ?? new Uint8Array()).toEqual(
        new Uint8Array(),
      );
    },
    { storeLatencyMs: 200 },
  );
});

test("readiness names what is wrong: the loop, the link, the outlet, the clock", async () => {
  await story(async (met) => {
    const { site } = met;
    const status = () => {
      if (site.producer === undefined) throw new Error("the device is not up");
      return site.producer.status();
    };
    expect(status()).toMatchObject({ ready: true, reasons: [], clock: "set" });
    site.broker.disconnect(site.device);
    await wait(site, 100);
    expect(status()).toMatchObject({ ready: false, reasons: ["the broker is not connected"] });
    site.broker.reconnect(site.device);
    await wait(site, 100);
    site.killLoop();
    await wait(site, 50);
    expect(status()).toMatchObject({ ready: false, loop: false });
    expect(status().reasons).toEqual(["the metering loop is not up"]);
    await wait(site, 2_000);
    expect(status()).toMatchObject({ ready: true, loop: true, reasons: [] });
    const bought = await paid(met, 2);
    const ended = met.dealer.begin(bought, 1, () => undefined);
    await wait(site, 5_000);
    expect(status()).toMatchObject({ running: 1, orders: 1 });
    expect(status().sessions[0]).toMatchObject({
      order: bought.id,
      outlet: "socket-1",
      session: 1,
    });
    site.board.metal.setFaults("socket-1", { weld: true });
    await ended;
    await wait(site, 2_000);
    expect(status().ready).toBe(false);
    expect(status().reasons.join()).toMatch(/^socket-1: .*weld/);
    expect(status().receipt).toBeGreaterThan(0);
  });
});

describe("a command as bytes", () => {
  const operator = crypto.signer(new Uint8Array(32).fill(7));
  const prices = Array.from({ length: PRICES_MAX }, (_, i) => ({
    id: i + 1,
    name: "n".repeat(32),
    amountMinor: 1_000_000_000,
    currency: "EUR",
    taxBasisPoints: 1900,
    tiers: [10, 20, 30, 40].map((units) => ({
      fromUnits: units * 10_000,
      amountMinor: 900_000_000 - units,
    })),
    fees: [true, false, false].map((start) => ({ start, name: "f".repeat(24), amountMinor: 100 })),
  }));

  test("every action comes back as it was signed", () => {
    const actions: Action[] = [
      {
        do: "service-add",
        service: { ...ENERGY, type: "ev-charging", prices: prices.slice(0, 4) },
      },
      { do: "service-remove", service: 3, policy: "refund" },
      { do: "price-set", service: 3, price: prices[0] ?? raise() },
      { do: "price-remove", service: 3, price: 4 },
      { do: "broadcast-start", durationMs: 0 },
      { do: "broadcast-stop" },
      { do: "outlet-open", outlet: "socket-1" },
      { do: "status" },
      { do: "services", from: 1 },
      { do: "audit", from: 17 },
    ];
    for (const action of actions) {
      const command = { device: "AAAAAAAAAAA", number: 5, atS: 1_700_000_000, action };
      const signed = value(signCommand(command, operator));
      expect(verifyCommand(signed, command.device, operator.publicKey, crypto)).toEqual({
        ok: true,
        value: command,
      });
    }
  });

  test("a service with more to say than a command can hold is refused before it is sent", () => {
    const action: Action = { do: "service-add", service: { ...ENERGY, prices } };
    const signed = signCommand({ device: "AAAAAAAAAAA", number: 1, atS: 0, action }, operator);
    expect(kind(signed)).toBe("too-large");
  });
});

function raise(): never {
  throw new Error("a list without its first entry");
}

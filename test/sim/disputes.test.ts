// The logs that a whole device and a buyer write of an order, judged: nobody is named for what was lost or cut off,
// and what either side changes in its own log afterwards is found.

import { describe, expect, test } from "vitest";
import { crypto, ENERGY } from "../../bench/site.ts";
import { toHex } from "../../firmware/bytes.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import { type Action, signCommand } from "../../firmware/producer/command.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Judgement } from "../../tools/dispute-finding.ts";
import type { DisputeLog } from "../../tools/dispute-log.ts";
import { judge } from "../../tools/dispute-rules.ts";
import { consumerLog, deviceLog } from "../../tools/order-log.ts";
import { guardedCharger } from "../firmware/metering/boards.ts";
import { CARD, kind, type Met, paid, story, value, wait } from "./story.ts";

const STREAMED: Service = {
  ...ENERGY,
  payment: { way: "hold" },
  stream: { windowUnitsMax: 4 },
};

async function ask({ site, consumer, dealer }: Met, action: Action): Promise<Result<unknown>> {
  const { connection } = consumer;
  const next = value(await connection.request(dealer.peer, { is: "get-operation" }));
  if (next.is !== "operation") throw new Error(`answered by ${next.is}`);
  const { number } = next;
  const signed = signCommand({ device: site.device, number, atS: 1, action }, site.operator);
  const reply = await connection.request(dealer.peer, { is: "operate", command: value(signed) });
  if (!reply.ok) return reply;
  return reply.value.is === "operated"
    ? ok(JSON.parse(reply.value.answer ?? "{}"))
    : fail("malformed", reply.value.is);
}

/** As the operator's command puts it together, part by part. */
async function ofDevice(met: Met, order: string): Promise<DisputeLog> {
  let text = "";
  for (let next: number | undefined = 0; next !== undefined; ) {
    const answer = value(await ask(met, { do: "order-log", order, from: text.length }));
    const part = answer as { part: string; next?: number };
    text += part.part;
    next = part.next;
  }
  const answer = JSON.parse(text) as Record<string, unknown>;
  return value(deviceLog(answer, toHex(met.site.operatorKey)));
}

async function bothLogs(met: Met, id: string): Promise<[DisputeLog, DisputeLog]> {
  const boxSecret = met.site.world.entropy("consumer a").bytes(32);
  const purchase = await met.consumer.purchases.get(id);
  if (purchase === undefined) throw new Error("the purchase is kept");
  return [value(consumerLog(purchase, { crypto, boxSecret })), await ofDevice(met, id)];
}

function judged({ site }: Met, logs: readonly [DisputeLog, DisputeLog]): Judgement {
  return value(judge(logs, [site.operatorKey], crypto));
}

async function held({ dealer }: Met, units: number): Promise<Purchase> {
  const { purchase } = value(await dealer.select({ service: 1, price: 1, units }));
  return value(await dealer.pay(purchase, CARD, { stream: { step: 1, window: 1 } }));
}

describe("the logs of an honest sale name nobody", () => {
  test("paid before it was delivered, and stopped by a door", async () => {
    await story(
      async (met) => {
        const purchase = await paid(met, 1);
        const ended = met.dealer.begin(purchase, undefined, () => undefined);
        await wait(met.site, 5_000);
        met.site.board.controls.setInterlock("socket-1", "door", true);
        const { receipts } = value(await ended);
        expect(receipts[0]?.breakdown?.cause).toEqual({ of: "door", value: 1, unit: "state" });
        const logs = await bothLogs(met, purchase.id);
        expect(logs[0].receipts).toHaveLength(2);
        expect(logs[1].capturedMinor).toBeGreaterThan(0);
        expect(judged(met, logs)).toMatchObject({ verdict: "kept", findings: [] });
      },
      { board: guardedCharger },
    );
  });

  test("paid by the unit, in two sessions, and cut by the mains in between", async () => {
    await story(
      async (met) => {
        const { site, dealer } = met;
        const purchase = await held(met, 3);
        value(await dealer.begin(purchase, 1, () => undefined));
        const before = judged(met, await bothLogs(met, purchase.id));
        expect(before).toMatchObject({ verdict: "kept", order: purchase.id, device: site.device });
        void dealer.begin(purchase, undefined, () => undefined);
        await wait(site, 30_000);
        site.cut();
        await wait(site, 2_000);
        await site.powerOn();
        await wait(site, 60_000);
        await dealer.standing(purchase);
        await dealer.settled(purchase, 10_000);
        const logs = await bothLogs(met, purchase.id);
        const [consumer, device] = logs;
        expect(consumer.proofs?.[0]?.units).toBeGreaterThanOrEqual(1);
        expect(device.receipts.length).toBeGreaterThanOrEqual(2);
        expect(judged(met, logs).findings.filter(({ is }) => is !== "noted")).toEqual([]);
        // What the device adds to its log is no proof.
        const proofs = [{ units: 3, link: new Uint8Array(16) }];
        const { verdict, findings } = judged(met, [consumer, { ...device, proofs }]);
        expect(verdict).toBe("broken");
        expect(findings.filter(({ is }) => is === "broken")).toMatchObject([
          { rule: "D4", party: "device" },
        ]);
      },
      { services: [STREAMED] },
    );
  });
});

test("an order that the device does not have has no log", async () => {
  await story(async (met) => {
    const asked = await ask(met, { do: "order-log", order: "00112233445566ff", from: 0 });
    expect(kind(asked)).toBe("order-unknown");
  });
});

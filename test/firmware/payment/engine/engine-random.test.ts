// A hundred flows by chance, each run twice: services that answer anything, or late, or never, and an operator who
// cancels and skips. Whatever they do, the flow ends, money is where the response says, and the log is the same.

import { expect, test } from "vitest";
import type { CalledStage, StageInputs } from "../../../../firmware/payment/engine/service.ts";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import { totalOf } from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import { textOf } from "../../../../firmware/payment/model/data-access.ts";
import { seededRandom } from "../../../../hal/sim/random.ts";
import {
  answered,
  approval,
  decline,
  FIRST,
  gbp,
  type Handlers,
  openSite,
  type Scripted,
  SILENT,
  saleFlow,
  scripted,
} from "./engine-site.ts";

const STAGES = [
  "PRE_TRANSACTION",
  "PAYMENT_CARD_READING",
  "POST_CARD_READING",
  "TRANSACTION_PROCESSING",
  "POST_TRANSACTION",
  "POST_FLOW",
] as const;

/** What each service holds of each transaction, in minor units. */
type Held = Map<string, number>;

function chanceService(id: string, pick: (below: number) => number, held: Held, later: Later) {
  const hold = (transaction: string, amounts: Amounts): void => {
    const key = `${id} ${transaction}`;
    // A debit that comes after its reversal is refused.
    if (!held.has(`gone ${key}`)) held.set(key, (held.get(key) ?? 0) + totalOf(amounts));
  };
  const answerOf = (input: StageInputs["PRE_TRANSACTION"], stage: CalledStage): unknown => {
    const part = gbp(pick(Math.max(1, Math.floor(input.amounts.base * 1.2))));
    const isPayment = stage === "TRANSACTION_PROCESSING";
    switch (pick(8)) {
      case 0:
        return undefined;
      case 1:
        return { updatedAmounts: { ...input.amounts, additional: { tip: pick(50) } } };
      case 2:
        return decline(input);
      case 3:
        return { nonsense: true };
      default:
        if (stage === "PAYMENT_CARD_READING") return approval(input, undefined);
        hold(input.transactionId, part);
        return isPayment ? approval(input, part) : { amountsPaid: part, paidWith: "points" };
    }
  };
  const handle =
    (stage: CalledStage) =>
    (input: unknown, { call, listener }: Scripted) => {
      const output =
        stage === "POST_FLOW" || stage === "POST_TRANSACTION"
          ? undefined
          : answerOf(input as StageInputs["PRE_TRANSACTION"], stage);
      const respond = (): void => listener.respond(call.id, output);
      switch (pick(6)) {
        case 0:
          later(pick(200_000), respond);
          return SILENT;
        case 1:
          respond();
          return output;
        case 2:
          return pick(4) === 0 ? SILENT : output;
        default:
          return output;
      }
    };
  const handlers = Object.fromEntries(STAGES.map((stage) => [stage, handle(stage)])) as Handlers;
  return scripted(id, {
    ...handlers,
    GENERIC: (request) => {
      const key = `${id} ${textOf(request.data, "transactionId")}`;
      held.delete(key);
      held.set(`gone ${key}`, 0);
      return answered(request);
    },
  });
}

type Later = (delayMs: number, run: () => void) => void;

async function runOnce(seed: number) {
  const random = seededRandom(seed, "flow");
  const pick = (below: number): number => random.below(below);
  const held: Held = new Map();
  let later: Later = () => {};
  const names = ["a", "b", "c"];
  const services = names.map((id) => chanceService(id, pick, held, (ms, run) => later(ms, run)));
  const listed = Object.fromEntries(
    STAGES.map((stage) => [stage, names.filter(() => pick(2) === 0)]),
  );
  const flows = [saleFlow({ FULFILLED_CHECK: [], ...listed })];
  const site = await openSite({ services, flows });
  later = (delayMs, run) => void site.world.after(delayMs, run);
  for (let n = pick(3); n > 0; n--) {
    site.world.after(pick(300_000), () => site.engine.cancel(FIRST.id));
    site.world.after(pick(300_000), () => site.engine.skip(FIRST.id));
  }
  const limits = { offerMinor: 1000, maximumMinor: 1100 };
  const started = site.engine.pay(FIRST, { id: "sale", limits });
  if (!started.ok) return { log: [started.error], held, processed: 0, states: [] };
  const response = await site.ended(started);
  await site.world.runFor(1_000_000);
  const log = (await site.engine.audit(FIRST.id)).map((entry) => JSON.stringify(entry));
  const states = (await site.journal.list(FIRST.id)).map(({ state }) => state);
  expect(site.engine.active()).toEqual([]);
  return { log, held, processed: totalOf(response.processed), states, response };
}

test("I1, I4, I15: a hundred flows by chance end, hold what they say, and write the same log again", async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 100; seed++) {
    const first = await runOnce(seed);
    const again = await runOnce(seed);
    expect(again.log).toEqual(first.log);
    const keys = [...first.held.keys()].filter((key) => !key.startsWith("gone"));
    const heldMinor = keys.reduce((sum, key) => sum + (first.held.get(key) ?? 0), 0);
    expect(first.processed, `seed ${seed}: ${first.log.join("\n")}`).toBe(heldMinor);
    expect(first.processed).toBeLessThanOrEqual(1000);
    outcomes.add(first.response?.outcome ?? first.log[0] ?? "");
  }
  expect(outcomes.size).toBeGreaterThanOrEqual(3);
}, 60_000);

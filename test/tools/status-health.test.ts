// `sluice status --device`: beside how the device is, what it sold without its payment host.

import { expect, test } from "vitest";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { tellHealth } from "../../tools/commands/status.ts";
import type { Answer, Operator } from "../../tools/operator.ts";

async function told(history: Result<object>): Promise<{ said: string[]; emitted: unknown[] }> {
  const said: string[] = [];
  const emitted: unknown[] = [];
  const answers: Record<string, Result<Answer>> = {
    status: ok({ ready: true, reasons: [], orders: 2 }),
    history: history.ok ? whole(history.value) : history,
  };
  const operator = {
    device: "ab12",
    out: {
      say: (line: string) => said.push(line),
      emit: (one: unknown) => emitted.push(one),
    },
    do: async (action: { do: string }) => answers[action.do],
  } as unknown as Operator;
  expect((await tellHealth(operator)).ok).toBe(true);
  return { said, emitted };
}

function whole(value: object): Result<Answer> {
  const part = JSON.stringify(value);
  return ok({ length: part.length, part });
}

test("the sums at risk and lost, in words and as JSON, where the device file allows it", async () => {
  const books = { open: 2, openMinor: 90, lost: 1, lostMinor: 45, owedMinor: 0 };
  const deferred = { ...books, currency: "EUR" };
  const { said, emitted } = await told(ok({ flows: [], deferred }));
  expect(said).toEqual([
    "ab12 is ready to sell",
    "  orders                2",
    "  approved without the payment host: 2 open, 0.90 EUR at risk; 1 declined later, 0.45 EUR lost",
  ]);
  expect(emitted).toEqual([
    { step: "status", device: "ab12", ready: true, reasons: [], orders: 2, deferred },
  ]);
});

test("elsewhere nothing of it, and also where the device says nothing of its flows", async () => {
  for (const history of [ok({ flows: [] }), fail("not-found", "no flows here")]) {
    const { said, emitted } = await told(history);
    expect(said).toEqual(["ab12 is ready to sell", "  orders                2"]);
    expect(emitted).toEqual([
      { step: "status", device: "ab12", ready: true, reasons: [], orders: 2 },
    ]);
  }
});

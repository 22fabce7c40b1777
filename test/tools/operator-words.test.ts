// What operators write as data, and how amounts in an audit log are shown to them.

import { expect, test } from "vitest";
import { tenderText } from "../../bench/tender-text.ts";
import { serviceText } from "../../tools/commands/flows.ts";
import { historyText } from "../../tools/commands/history.ts";
import { typedValue } from "../../tools/commands/request.ts";
import { atMost } from "../../tools/refunding.ts";

test("data is a number, true or false, or amounts in minor units of a currency", () => {
  expect(typedValue("-12")).toEqual({ is: "integer", value: -12 });
  expect(typedValue("true")).toEqual({ is: "flag", value: true });
  const value = { currency: "EUR", base: 1000, additional: {} };
  expect(typedValue("1000EUR")).toEqual({ is: "amounts", value });
  for (const odd of ["1.5", "10 EUR", "-5EUR", "5eur", "EUR", ""]) {
    expect(typedValue(odd)).toBeUndefined();
  }
});

test("what was taken is shown as people write it", () => {
  expect(tenderText("45 EUR")).toBe("0.45 EUR");
  expect(tenderText("45 EUR, charityDonation 55")).toBe("0.45 EUR, charityDonation 0.55 EUR");
  expect(tenderText("something else 5")).toBe("something else 5");
});

test("a service that is away is not called ready, and says once where it is", () => {
  const own = { id: "stock", state: "ready", where: "in the device", origin: "device" };
  expect(serviceText(own)).toBe("stock: ready, in the device");
  const other = { ...own, where: "elsewhere", origin: "attached" };
  expect(serviceText({ ...other, connected: true })).toBe("stock: ready, elsewhere (attached)");
  expect(serviceText({ ...other, connected: false })).toBe(
    "stock: not connected, elsewhere (attached)",
  );
  expect(serviceText({ ...other, origin: "file", state: "asked", connected: false })).toBe(
    "stock: asked, not connected, elsewhere (by the device file)",
  );
});

test("a line of the history says who began it where that is news, and a reason where there is one", () => {
  const line = {
    id: "1",
    initiator: "sale",
    kind: "payment",
    flow: "sale",
    type: "sale",
    endedMs: 1,
  };
  expect(historyText({ ...line, outcome: "fulfilled", reason: "none" })).toBe("1  sale: fulfilled");
  expect(historyText({ ...line, flow: "night", outcome: "failed", reason: "timeout" })).toBe(
    "1  night by sale: failed, timeout",
  );
});

test("a refund of too much says what may be typed", () => {
  const fault = {
    kind: "out-of-range",
    message: "at most 0.25 EUR is left",
    at: "amountMinor",
  } as const;
  expect(atMost(fault, 25)).toMatchObject({
    fault: { message: "at most 0.25 EUR is left: --amount 25" },
  });
  expect(atMost({ ...fault, at: "order" }, 25)).toMatchObject({ fault: { at: "order" } });
});

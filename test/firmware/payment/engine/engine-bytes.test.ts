// Bytes cannot be frozen: a service of the process is given its own.

import { expect, test } from "vitest";
import { approving, openSite, saleFlow, scripted } from "./engine-site.ts";

test("a service that writes into bytes that it was given changes nobody else's", async () => {
  const scribbler = scripted("scribbler", {
    PRE_TRANSACTION: ({ data }) => {
      const raw = data["raw"];
      if (raw?.is === "bytes") raw.value.fill(9);
      return {};
    },
  });
  const bank = approving("bank");
  const flows = [saleFlow({ TRANSACTION_PROCESSING: ["bank"], PRE_TRANSACTION: ["scribbler"] })];
  const site = await openSite({ services: [scribbler, bank], flows });
  const given = Uint8Array.of(1, 2, 3);
  await site.pay({ data: { raw: { is: "bytes", value: given } } });
  expect(scribbler.inputs("PRE_TRANSACTION")[0]?.data["raw"]?.value).toEqual(
    Uint8Array.of(9, 9, 9),
  );
  expect(bank.inputs("TRANSACTION_PROCESSING")[0]?.data["raw"]?.value).toEqual(given);
  expect(given).toEqual(Uint8Array.of(1, 2, 3));
});

// How many flows run at once: buyers are not kept out by what waits in the background.

import { expect, test } from "vitest";
import {
  ASKED,
  approving,
  FIRST,
  genericFlow,
  openSite,
  SILENT,
  saleFlow,
  scripted,
} from "./engine-site.ts";

test("of payments so many run at once, however many requests wait in the background", async () => {
  const mute = scripted("mute", { PRE_TRANSACTION: () => SILENT, GENERIC: () => SILENT });
  const flows = [
    saleFlow({ PRE_TRANSACTION: ["mute"], TRANSACTION_PROCESSING: ["bank"] }),
    genericFlow("tokenisation", { GENERIC: ["mute"] }),
  ];
  const site = await openSite({ services: [mute, approving("bank")], flows });
  for (let n = 0; n < 20; n++) {
    const request = { ...ASKED, id: `r${n}`, background: true };
    expect(site.engine.ask(request, { id: "operator" }).ok).toBe(true);
  }
  const pay = (n: number) => site.engine.pay({ ...FIRST, id: `flow${n}` }, { id: "sale" });
  for (let n = 0; n < 64; n++) expect(pay(n).ok).toBe(true);
  expect(pay(64)).toMatchObject({ ok: false, error: "busy" });
});

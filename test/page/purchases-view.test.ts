// What the page has bought, and the way back to what is not over.

import { expect, test } from "vitest";
import { pageModule } from "./page-module.ts";

const { purchasesView } = await pageModule<{ purchasesView: (app: object) => object }>(
  "purchases-view.ts",
);
const offer = { id: "0011223344556677", units: 2, unit: "kWh", totalMinor: 90, currency: "EUR" };
const bought = { order: offer.id, state: "paying", device: "A charger", offer, receipts: [] };

function drawn(stage: string): string {
  const buyer = { view: { stage, offer, purchases: [bought] } };
  return JSON.stringify(purchasesView({ buyer }));
}

test("one whose payment was not decided when it was taken up can be taken up again", () => {
  expect(drawn("chosen")).toContain("Take it up");
  // It goes on by its own buttons.
  for (const stage of ["paid", "delivering"]) expect(drawn(stage)).not.toContain("Take it up");
});

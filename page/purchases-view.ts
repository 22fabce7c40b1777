// What this page has bought in this world: each order with how it stands and its receipts, and a way back to one that is not over.

import type { Receipt } from "../firmware/token/receipt.ts";
import type { App } from "./app.ts";
import { button, h, type Shape } from "./element.ts";
import type { Bought } from "./purchases.ts";
import { money, plain } from "./words.ts";

export function purchasesView(app: App): Shape | undefined {
  const { purchases } = app.buyer.view;
  if (purchases.length === 0) return undefined;
  return h(
    "section",
    { key: "purchases", class: "purchases", "aria-label": "bought from this page" },
    h("h4", {}, "Bought from this page"),
    h(
      "ul",
      {},
      purchases.map((one) => purchaseView(app, one)),
    ),
  );
}

function purchaseView({ buyer }: App, bought: Bought): Shape {
  const { order, state, device, offer, receipts } = bought;
  const { busy, offer: shown, stage } = buyer.view;
  const { units, unit, totalMinor, currency } = offer;
  const isOver = state === "closed" || state === "failed";
  // One whose payment is not decided yet is shown too, and can go no further than it is taken up once more.
  const isShown = shown?.id === order && stage !== "chosen";
  return h(
    "li",
    { key: order, class: "purchase" },
    h(
      "p",
      {},
      h("span", { class: `badge ${badge(state)}` }, state),
      ` ${units} ${unit} for ${money(totalMinor, currency)} at ${device}`,
      h("span", { class: "dim mono" }, ` ${order}`),
      !isOver &&
        !isShown &&
        button("Take it up", () => void buyer.takeUp(order), {
          ...{ class: "small", disabled: busy !== undefined, "aria-label": `Take up ${order}` },
        }),
    ),
    receipts.map((one) => h("p", { class: "dim" }, receiptWords(one, offer))),
  );
}

function badge(state: Bought["state"]): string {
  if (state === "closed") return "good";
  return state === "failed" ? "bad" : "";
}

function receiptWords(receipt: Receipt, { currency, unit }: Bought["offer"]): string {
  const { number, milliUnits, amountMinor } = receipt;
  const what = `${milliUnits / 1000} ${unit} for ${money(amountMinor, currency)}`;
  if (receipt.is === "session") {
    return `Receipt ${number}: session ${receipt.session}, ${what}, ${plain(receipt.reason)}`;
  }
  const back = money(receipt.refundedMinor, currency);
  return `Receipt ${number}: settlement, ${what}, ${back} given back`;
}

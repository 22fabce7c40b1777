// What is known afterwards: payments stage by stage, orders and money, receipts with their verdict, and what happened in order.

import type { BoardState, OrderState } from "../bench/bench-state.ts";
import type { App } from "./app.ts";
import { button, h, type Shape } from "./element.ts";
import type { StageEvent } from "./picture.ts";
import type { JudgedReceipt } from "./receipt-verdict.ts";
import { happeningWords, money, plain, worldTime } from "./words.ts";

export function paymentView(app: App, board: string): Shape[] {
  const { stages } = app.picture.log(board);
  if (stages.length === 0) {
    return [
      h(
        "p",
        { class: "dim" },
        "No payment yet. Each will be here stage by stage, with who changed what.",
      ),
    ];
  }
  const flows = new Map<string, StageEvent[]>();
  for (const stage of stages) flows.set(stage.flow, [stage, ...(flows.get(stage.flow) ?? [])]);
  return [...flows].map(([flow, list]) =>
    h(
      "div",
      { class: "flow", key: flow },
      h("h4", {}, `Payment ${flow}`),
      h("ol", { class: "stages" }, runsOf(list).map(stageView)),
    ),
  );
}

/** Oldest first; what one service says in one stage is one run. */
function runsOf(list: readonly StageEvent[]): StageEvent[][] {
  const runs: StageEvent[][] = [];
  for (const event of list) {
    const last = runs.at(-1);
    const isSame = last?.[0]?.stage === event.stage && last[0].service === event.service;
    if (isSame) last.push(event);
    else runs.push([event]);
  }
  return runs;
}

function stageView(run: readonly StageEvent[]): Shape | undefined {
  const [first] = run;
  if (first === undefined) return undefined;
  const { stage, service, seq, atMs } = first;
  const outcomes = run.map(({ outcome }) => plain(outcome));
  const said = [...new Set(outcomes)].map((one) => {
    const times = outcomes.filter((other) => other === one).length;
    return times === 1 ? one : `${one} (${times} times)`;
  });
  return h(
    "li",
    { key: seq, class: "stage" },
    h(
      "p",
      {},
      h("strong", {}, stage === "" ? "Flow" : sentence(stage)),
      h("span", { class: "dim" }, ` ${worldTime(atMs)}${service === "" ? "" : ` by ${service}`}`),
    ),
    h("p", {}, said.join(" \u2192 ")),
    run
      .flatMap(({ changes }) => changes)
      .map(({ what, from, to }) =>
        h("p", { class: "changed" }, `${what}: ${from ?? "nothing"} \u2192 ${to ?? "nothing"}`),
      ),
  );
}

/** "PAYMENT_CARD_READING" as people read it. */
function sentence(stage: string): string {
  const words = plain(stage).replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function ordersView({ money: books, orders }: BoardState): Shape[] {
  return [
    h(
      "dl",
      { class: "books" },
      books.map(({ currency, heldMinor, capturedMinor, refundedMinor }) => [
        sum("Held", heldMinor, currency),
        sum("Taken", capturedMinor, currency),
        sum("Given back", refundedMinor, currency),
      ]),
    ),
    orders.length === 0
      ? h("p", { class: "dim" }, "No order yet.")
      : h(
          "div",
          { class: "scroll", tabindex: 0, role: "region", "aria-label": "orders" },
          h(
            "table",
            {},
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                ["order", "state", "units", "total", "delivered", "paid", "receipts"].map((one) =>
                  h("th", { scope: "col" }, one),
                ),
              ),
            ),
            h("tbody", {}, orders.map(orderRow)),
          ),
        ),
  ];
}

function sum(name: string, amountMinor: number, currency: string): Shape {
  return h("div", {}, h("dt", {}, name), h("dd", {}, money(amountMinor, currency)));
}

function orderRow(one: OrderState): Shape {
  const { order, state, units, totalMinor, currency, deliveredPulses, paidPulses, receipts } = one;
  return h(
    "tr",
    { key: order },
    h("td", { class: "mono" }, order),
    h(
      "td",
      {},
      h(
        "span",
        { class: `badge ${state === "closed" ? "good" : state === "failed" ? "bad" : ""}` },
        state,
      ),
    ),
    [units, money(totalMinor, currency), `${deliveredPulses} p`, `${paidPulses} p`, receipts].map(
      (cell) => h("td", {}, cell),
    ),
  );
}

export function receiptsView(app: App, board: string): Shape[] {
  const { receipts } = app.picture.log(board);
  if (receipts.length === 0) {
    return [
      h(
        "p",
        { class: "dim" },
        "No receipt yet. Each is verified here, in your browser, with the device's public key alone.",
      ),
    ];
  }
  return receipts.map((receipt) => receiptView(app, receipt));
}

function receiptView({ chosen, choose }: App, receipt: JudgedReceipt): Shape {
  const { hex, words, order, atMs, receipt: read } = receipt;
  const isForged = chosen.forged.has(hex);
  const { isGenuine, words: verdict } = isForged ? receipt.forged : receipt.verdict;
  const forge = (): void => {
    const forged = new Set(chosen.forged);
    if (!forged.delete(hex)) forged.add(hex);
    choose({ forged });
  };
  return h(
    "article",
    { key: hex, class: "receipt" },
    h(
      "h4",
      {},
      `${read?.is === "settlement" ? "Settlement" : "Session"} receipt of order ${order}`,
      h("span", { class: "dim" }, ` ${worldTime(atMs)}`),
    ),
    h("p", { class: isGenuine ? "verdict good" : "verdict bad" }, verdict),
    h("pre", {}, words.join("\n")),
    button(isForged ? "Take the true bytes again" : "Change one bit of it", forge, {
      ...{ class: "small", "aria-pressed": String(isForged) },
    }),
  );
}

export function logView(app: App, board: string): Shape[] {
  const { happenings } = app.picture.log(board);
  if (happenings.length === 0) return [h("p", { class: "dim" }, "Nothing has happened yet.")];
  return [
    h(
      "ol",
      { class: "happenings" },
      happenings.map((event) =>
        h(
          "li",
          { key: keyOf(event), class: `is-${event.is}` },
          h("span", { class: "dim" }, worldTime(event.atMs)),
          ` ${happeningWords(event)}`,
        ),
      ),
    ),
  ];
}

/** What is judged of the bench has no number. */
function keyOf(event: Parameters<typeof happeningWords>[0]): string {
  return event.seq > 0 ? String(event.seq) : `${event.atMs} ${happeningWords(event)}`;
}

// The page as a buyer, step by step: who sells here, what for how much, the signed offer, the card, the delivery, the receipts.

import type { Found } from "../firmware/consumer/discovery.ts";
import { countText } from "../firmware/units.ts";
import { TEST_CARDS, type TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import type { App } from "./app.ts";
import type { ServiceToBuy } from "./buyer.ts";
import { button, h, type Shape } from "./element.ts";
import { purchasesView } from "./purchases-view.ts";
import { money, plain } from "./words.ts";

const UNITS_MAX = 10_000;

export function buyView(app: App): Shape[] {
  const { view } = app.buyer;
  const { stage, busy, trouble } = view;
  const parts = [
    h(
      "p",
      { class: "dim", key: "intro" },
      "This page is a consumer of its own: the same firmware, in your browser, over MQTT on a WebSocket. It believes nobody but the operator of these boards.",
    ),
    stepsView(stage),
    devicesView(app),
    servicesView(app),
    offerView(app),
    deliveryView(app),
    h(
      "p",
      { class: "buyer-state", key: "state", role: "status" },
      busy !== undefined && h("span", { class: "busy" }, `${busy}\u2026`),
    ),
    trouble !== undefined &&
      h("p", { class: "verdict bad", key: "trouble", role: "alert" }, trouble),
    purchasesView(app),
  ];
  return parts.filter((one) => one !== false && one !== undefined);
}

const STEPS = [
  ["new", "Discover"],
  ["found", "Choose"],
  ["chosen", "Quote"],
  ["quoted", "Pay"],
  ["paid", "Begin"],
  ["delivering", "Deliver"],
  ["done", "Receipt"],
] as const;

function stepsView(stage: string): Shape {
  const at = STEPS.findIndex(([one]) => one === stage);
  return h(
    "ol",
    { class: "steps", key: "steps", "aria-label": "steps of a purchase" },
    STEPS.map(([, words], index) =>
      h(
        "li",
        {
          class: index < at || stage === "done" ? "past" : index === at ? "now" : "",
          ...(index === at && { "aria-current": "step" }),
        },
        words,
      ),
    ),
  );
}

function devicesView({ buyer, picture, choose }: App): Shape {
  const { view } = buyer;
  const isBusy = view.busy !== undefined;
  const discover = (): void => void buyer.discover(picture.boards);
  const deal = (found: Found): void => {
    const board = picture.boards.find(({ device }) => device === found.device);
    if (board !== undefined) choose({ board: board.id });
    void buyer.choose(found);
  };
  return h(
    "div",
    { class: "row", key: "devices" },
    button(view.stage === "new" ? "Discover" : "Discover again", discover, {
      ...{ key: "discover", class: view.stage === "new" ? "primary" : "", disabled: isBusy },
    }),
    view.devices.map((found) =>
      button(found.name, () => deal(found), {
        ...{ key: found.device, class: view.stage === "found" ? "primary" : "toggle" },
        ...{ disabled: isBusy, "aria-pressed": String(view.device?.device === found.device) },
        title: `${found.device}: announcement verified`,
      }),
    ),
  );
}

function servicesView(app: App): Shape | undefined {
  const { buyer, chosen, choose } = app;
  const { services, stage, busy } = buyer.view;
  const [first] = services;
  if (first === undefined) return undefined;
  const service = services.find((one) => one.service === chosen.service) ?? first;
  const price = service.prices.find((one) => one.price === chosen.price) ?? service.prices[0];
  if (price === undefined) return h("p", { key: "services" }, `${service.name} has no price.`);
  const minUnits = price.minUnits ?? 1;
  const units = Math.max(minUnits, chosen.units);
  const quote = (): void =>
    void buyer.quote({ service: service.service, price: price.price, units });
  return h(
    "div",
    { class: "row", key: "services" },
    h(
      "label",
      {},
      "Service",
      h(
        "select",
        { onchange: ({ target }) => choose({ service: Number(textOf(target)), price: 0 }) },
        services.map((one) =>
          h(
            "option",
            { key: one.service, value: one.service, selected: one === service },
            one.name,
          ),
        ),
      ),
    ),
    priceChoice(app, service, price),
    h(
      "label",
      {},
      `Units (${price.unit})`,
      h("input", {
        ...{
          type: "number",
          min: minUnits,
          max: price.maxUnits ?? UNITS_MAX,
          step: 1,
          value: units,
        },
        oninput: ({ target }) => choose({ units: Math.floor(Number(textOf(target))) || 1 }),
      }),
    ),
    button("Quote", quote, {
      ...{ key: "quote", class: stage === "chosen" ? "primary" : "" },
      disabled: busy !== undefined || stage === "delivering",
    }),
  );
}

function priceChoice(
  { choose }: App,
  service: ServiceToBuy,
  price: ServiceToBuy["prices"][number],
): Shape {
  const chooseIt = ({ target }: Event): void => choose({ price: Number(textOf(target)) });
  const options = service.prices.map((one) =>
    h(
      "option",
      {
        // Of another service: the choice of somebody is not taken over.
        ...{ key: `${service.service} ${one.price}`, value: one.price },
        selected: one === price,
      },
      `${one.name}: ${money(one.amountMinor, one.currency)}`,
    ),
  );
  return h("label", {}, "Price", h("select", { onchange: chooseIt }, options));
}

function textOf(target: EventTarget | null): string {
  return (target as HTMLInputElement | HTMLSelectElement).value;
}

/** Whether the service of the offer can be paid while it is delivered. */
function isStreamable({ buyer }: App): boolean {
  const { offer, services } = buyer.view;
  return services.find(({ service }) => service === offer?.service)?.windowMax !== undefined;
}

function offerView(app: App): Shape | undefined {
  const { buyer, chosen, choose } = app;
  const { offer, stage, busy } = buyer.view;
  if (offer === undefined) return undefined;
  const mayStream = isStreamable(app);
  const pay = (): void => void buyer.pay(chosen.card, chosen.isStreamed && mayStream);
  return h(
    "div",
    { key: "offer", class: "offer" },
    h(
      "p",
      {},
      h(
        "strong",
        {},
        `${offer.units} ${offer.unit} for ${money(offer.totalMinor, offer.currency)}`,
      ),
      ` The signed offer of order ${offer.id}, checked: the device's signature, the price that was listed, the sum of its lines.`,
    ),
    stage === "quoted" &&
      h(
        "div",
        { class: "row" },
        h(
          "label",
          {},
          "Test card",
          h(
            "select",
            { onchange: ({ target }) => choose({ card: textOf(target) as TestBehaviour }) },
            Object.keys(TEST_CARDS).map((one) =>
              h("option", { key: one, value: one, selected: one === chosen.card }, plain(one)),
            ),
          ),
        ),
        mayStream &&
          h(
            "label",
            { class: "check" },
            h("input", {
              type: "checkbox",
              checked: chosen.isStreamed,
              onchange: ({ target }) =>
                choose({ isStreamed: (target as HTMLInputElement).checked }),
            }),
            "Pay unit by unit, while it flows",
          ),
        button("Pay", pay, { key: "pay", class: "primary", disabled: busy !== undefined }),
      ),
  );
}

function deliveryView({ buyer }: App): Shape | undefined {
  const { offer, stage, busy, pulses, isStreamed, provedUnits, receipts } = buyer.view;
  if (offer === undefined || !["paid", "delivering", "done"].includes(stage)) return undefined;
  const units = (pulses * offer.denominator) / offer.numerator;
  const words = `${units.toFixed(2)} of ${offer.units} ${offer.unit} delivered`;
  const proofs = isStreamed ? `, ${provedUnits} paid by proof` : ", paid in one piece";
  const settlement = receipts.find((one) => one.is === "settlement");
  return h(
    "div",
    { class: "delivery", key: "delivery" },
    h("p", {}, `${words}${proofs}`),
    h("progress", { max: offer.units, value: Math.min(units, offer.units), "aria-label": words }),
    stage === "paid" &&
      button("Begin", () => void buyer.begin(), {
        key: "begin",
        class: "primary",
        disabled: busy !== undefined,
      }),
    stage === "delivering" &&
      button("Stop", () => void buyer.stop(), { key: "stop", class: "stop" }),
    settlement?.is === "settlement" &&
      h(
        "p",
        { class: "verdict good" },
        `Bought: ${settlement.milliUnits / 1000} ${offer.unit} for ${money(settlement.amountMinor, offer.currency)}, ${money(settlement.refundedMinor, offer.currency)} given back. ${countText(receipts.length, "receipt")}, all verified here.`,
      ),
  );
}

// An outlet as a person would want to see it: what the coil is told, what the contact does, whether it flows, what the meter
// shows, and what forbids it; with the plot of what is delivered against what is granted.

import type { BoardState, OutletState } from "../bench/bench-state.ts";
import type { App } from "./app.ts";
import type { DeliveryPlots } from "./delivery-plot.ts";
import { button, h, type Shape } from "./element.ts";
import { interlockWords } from "./guide.ts";
import { unitsText } from "./words.ts";

export function outletView(app: App, board: BoardState, outlet: OutletState): Shape {
  const name = `${board.id}/${outlet.id}`;
  const isFlowing = app.picture.flowing.has(name);
  return h(
    "div",
    { class: "outlet", key: `outlet ${outlet.id}` },
    scene(outlet, isFlowing, app.picture.time?.paused === true),
    h("p", { class: "outlet-words" }, outletWords(outlet, isFlowing)),
    interlocksView(app, board, outlet),
  );
}

/** Of every outlet that has delivered in this world. */
export function plotsView(plots: DeliveryPlots, board: BoardState): Shape[] {
  return board.outlets.flatMap((outlet) => {
    const plot = plots.of(`${board.id}/${outlet.id}`);
    if (plot === undefined) return [];
    return h(
      "figure",
      { class: "plot", key: `plot ${outlet.id}` },
      h("figcaption", {}, deliveredWords(outlet)),
      plot,
    );
  });
}

function outletWords({ coil, contact, unit }: OutletState, isFlowing: boolean): Shape[] {
  const isWrong = coil !== contact;
  const contactWords = isWrong ? "contact is not as the coil was told" : "as told";
  return [
    h("span", { class: "fact" }, `Coil ${coil ? "on" : "off"}`),
    h(
      "span",
      { class: isWrong ? "fact bad" : "fact" },
      `Contact ${contact ? "closed" : "open"}`,
      h("span", { class: "hidden" }, `, ${contactWords}`),
    ),
    h(
      "span",
      { class: isFlowing ? (coil && contact ? "fact good" : "fact bad") : "fact" },
      isFlowing ? `${unit} flows` : "Nothing flows",
    ),
  ];
}

function deliveredWords(outlet: OutletState): string {
  const { session, flowed } = outlet;
  if (session === undefined) return `Meter: ${unitsText(flowed, outlet)} since this world began`;
  const { delivered, granted } = session;
  return `Delivered ${unitsText(delivered, outlet)} of ${unitsText(granted, outlet)} granted`;
}

/** From the supply by way of the contact and the meter to the outlet, left to right. */
function scene(outlet: OutletState, isFlowing: boolean, isPaused: boolean): Shape {
  const { coil, contact, unit, id } = outlet;
  const isLiquid = unit === "L";
  const classes = [
    "scene",
    contact ? "closed" : "open",
    coil ? "coil-on" : "coil-off",
    isFlowing && !isPaused ? "flows" : "still",
    coil !== contact && (contact ? isFlowing : coil) ? "wrong" : "",
    isLiquid ? "liquid" : "",
  ].join(" ");
  const label = (x: number, words: string): Shape =>
    h("text", { x, y: 92, class: "label", "text-anchor": "middle" }, words);
  return h(
    "svg",
    {
      viewBox: "0 14 360 84",
      class: classes,
      role: "img",
      "aria-label": sceneWords(outlet, isFlowing),
    },
    h("path", { class: "pipe", d: "M52 46H128M176 46H214M266 46H306" }),
    h("path", { class: "stream before", d: "M52 46H128" }),
    h("path", { class: "stream after", d: "M176 46H214M266 46H306" }),
    h("rect", { class: "part", x: 12, y: 26, width: 40, height: 40, rx: 8 }),
    h("path", {
      class: "symbol",
      d: isLiquid
        ? "M32 34c6 8 9 12 9 16a9 9 0 0 1-18 0c0-4 3-8 9-16z"
        : "M35 32l-12 17h8l-3 12 12-17h-8z",
    }),
    h("circle", { class: "pin", cx: 130, cy: 46, r: 4 }),
    h("circle", { class: "pin", cx: 174, cy: 46, r: 4 }),
    h("path", { class: "blade", d: "M130 46H174" }),
    h("rect", { class: "coil", x: 140, y: 62, width: 24, height: 10, rx: 3 }),
    h("circle", { class: "part", cx: 240, cy: 46, r: 26 }),
    h("text", { x: 240, y: 45, class: "count", "text-anchor": "middle" }, meterText(outlet)),
    h("text", { x: 240, y: 58, class: "unit", "text-anchor": "middle" }, unit),
    h("circle", { class: "part", cx: 326, cy: 46, r: 20 }),
    h("path", {
      class: "symbol",
      d: isLiquid
        ? "M318 40h16v5h-6v12h-5v-12h-5z"
        : "M319 46a3 3 0 1 1 .1 0zM333 46a3 3 0 1 1 .1 0z",
    }),
    label(32, "supply"),
    label(152, isLiquid ? "valve" : "contactor"),
    label(240, "meter"),
    label(326, id.length > 12 ? "outlet" : id),
  );
}

function meterText({ flowed, pulsesPerUnit }: OutletState): string {
  const units = flowed / pulsesPerUnit;
  return pulsesPerUnit === 1 ? String(units) : units.toFixed(units >= 100 ? 1 : 2);
}

function sceneWords({ id, coil, contact, unit }: OutletState, isFlowing: boolean): string {
  return `${id}: coil ${coil ? "on" : "off"}, contact ${contact ? "closed" : "open"}, ${isFlowing ? `${unit} flows` : "nothing flows"}`;
}

function interlocksView(app: App, board: BoardState, outlet: OutletState): Shape | undefined {
  if (outlet.interlocks.length === 0) return undefined;
  return h(
    "div",
    { class: "interlocks", role: "group", "aria-label": `interlocks of ${outlet.id}` },
    outlet.interlocks.map(({ id, raised }) => {
      const { press, raise } = interlockWords(id);
      const verb = raised ? "clear" : "raise";
      const act = (): void =>
        void app.act({ board: board.id, do: verb, outlet: outlet.id, interlock: id });
      const isStop = /emergency|estop/.test(id);
      return button(raised ? press : raise, act, {
        ...{ key: id, class: `interlock ${raised ? "raised" : ""} ${isStop ? "emergency" : ""}` },
        "data-interlock": id,
      });
    }),
  );
}

// One board, from its name to what may be broken on it.

import type { BoardState } from "../bench/bench-state.ts";
import type { App } from "./app.ts";
import type { DeliveryPlots } from "./delivery-plot.ts";
import { deskView } from "./desk-view.ts";
import { h, type Shape } from "./element.ts";
import { guide } from "./guide.ts";
import { outletView, plotsView } from "./outlet-view.ts";
import { troubleView } from "./trouble-view.ts";
import { money } from "./words.ts";

/** Services that are named at the head of a board. */
const SERVICES_SHOWN = 2;

export function boardView(app: App, plots: DeliveryPlots, board: BoardState): Shape {
  const { id, name } = board;
  const isChosen = app.chosen.board === id;
  const choose = (): void => {
    if (app.chosen.board !== id) app.choose({ board: id });
  };
  return h(
    "section",
    {
      ...{ key: id, id: `board-${id}`, class: isChosen ? "board chosen" : "board" },
      ...{ "aria-labelledby": `name-${id}`, onclick: choose },
    },
    h(
      "header",
      { class: "board-head" },
      h("div", {}, h("h2", { id: `name-${id}` }, name), h("p", { class: "dim" }, sells(board))),
      badges(board),
    ),
    bugsView(board),
    guide(app, board),
    board.outlets.map((outlet) => outletView(app, board, outlet)),
    deskView(app, board),
    plotsView(plots, board),
    troubleView(app, board),
  );
}

function sells({ services, board, device }: BoardState): string {
  const offers = services.map(({ name, unit, prices: [price] }) =>
    price === undefined ? name : `${name} ${money(price.amountMinor, price.currency)}/${unit}`,
  );
  const more = offers.length - SERVICES_SHOWN;
  const shown = more > 0 ? [...offers.slice(0, SERVICES_SHOWN), `${more} more`] : offers;
  return [...shown, `${board} ${device}`].join(" · ");
}

/** What is ours to mend, and nothing that was done here. */
function bugsView({ bugs }: BoardState): Shape | undefined {
  if (bugs.length === 0) return undefined;
  return h(
    "div",
    { class: "verdict bad", key: "bugs", role: "alert" },
    h(
      "p",
      {},
      "This board has met a bug of sluice. What it does from here on may be wrong: begin a fresh world (Scenarios), and report what is here.",
    ),
    h(
      "ul",
      {},
      bugs.map((words) => h("li", { class: "mono" }, words)),
    ),
  );
}

function badges({ powered, connected, ready }: BoardState): Shape {
  return h(
    "ul",
    { class: "badges", "aria-label": "state" },
    powered &&
      h("li", { class: ready ? "badge good" : "badge bad" }, ready ? "ready" : "not ready"),
    !powered && h("li", { class: "badge bad" }, "no power"),
    !connected && h("li", { class: "badge bad" }, "no network"),
  );
}

// The one line that tells what to do next.

import type { BoardState, OutletState } from "../bench/bench-state.ts";
import type { App } from "./app.ts";
import { tapCard } from "./desk-view.ts";
import { button, h, type Shape } from "./element.ts";
import { plain, unitsText } from "./words.ts";

interface Press {
  words: string;
  act: () => void;
}

interface Advice {
  words: string;
  /** The button that does it, where there is one. */
  press?: Press;
  /** What else may be looked at. */
  also?: Press;
}

export function guide(app: App, board: BoardState): Shape {
  const { words, press, also } = advice(app, board);
  return h(
    "div",
    { class: "guide", role: "status" },
    h("span", { class: "guide-words" }, words),
    also && button(also.words, also.act, { key: "also" }),
    press && button(press.words, press.act, { key: "press", class: "primary" }),
  );
}

function advice(app: App, board: BoardState): Advice {
  const { id } = board;
  if (!board.powered) {
    return {
      words: `${board.name} has no power.`,
      press: { words: "Power on", act: () => void app.act({ board: id, do: "power-on" }) },
    };
  }
  if (app.picture.time?.paused === true) {
    return {
      words: "Time stands still.",
      press: { words: "Go on", act: () => void app.ask({ time: { rate: 1 } }, "time runs") },
    };
  }
  const running = board.outlets.find(({ session }) => session !== undefined);
  if (running !== undefined) return whileRunning(app, board, running);
  const blocked = blocking(board);
  if (blocked !== undefined) return unblock(app, board, blocked);
  if (!board.ready) return { words: `Not ready to sell: ${board.reasons.join(", ")}.` };
  const [last] = board.orders;
  const isSold = last !== undefined && last.state === "closed" && last.receipts > 0;
  const also: Press = { words: "See the receipt", act: () => app.show("receipts", id) };
  const { words, press } = firstCard(app, board);
  if (!isSold) return { words, press };
  return { words: `Sold, and the receipt is here. ${words}`, press, also };
}

function whileRunning(app: App, board: BoardState, outlet: OutletState): Advice {
  const { delivered, granted } = outlet.session ?? { delivered: 0, granted: 0 };
  const words = `Delivering: ${unitsText(delivered, outlet)}, paid up to ${unitsText(granted, outlet)}.`;
  const [stop] = board.buttons.filter((one) => one === "stop");
  const act = (): void => void app.act({ board: board.id, do: "press", button: stop });
  const stopping: Press | undefined = stop === undefined ? undefined : { words: "Press stop", act };
  const press = stopping && { press: stopping };
  // At the pace of a real board the first cent takes a quarter of a minute.
  if (app.picture.time?.rate === 100) return { words, ...press };
  const faster = (): void => void app.ask({ time: { rate: 100 } }, "time runs");
  const also: Press = { words: "Go at 100x", act: faster };
  return {
    words: stop === undefined ? words : `${words} You pay for what you take.`,
    also,
    ...press,
  };
}

interface Blocked {
  outlet: string;
  interlock: string;
}

function blocking(board: BoardState): Blocked | undefined {
  for (const { id, interlocks } of board.outlets) {
    const raised = interlocks.find((one) => one.raised);
    if (raised !== undefined) return { outlet: id, interlock: raised.id };
  }
  return undefined;
}

function unblock(app: App, board: BoardState, { outlet, interlock }: Blocked): Advice {
  const act = (): void => void app.act({ board: board.id, do: "clear", outlet, interlock });
  const { words, press } = interlockWords(interlock);
  return { words, press: { words: press, act } };
}

const UNTIL = "Nothing is sold until it is cleared.";

/** How the interlocks of the boards that ship are called, for people. */
export function interlockWords(id: string): { words: string; press: string; raise: string } {
  if (id === "vehicle") {
    return {
      words: "First plug the vehicle in, then tap a card.",
      press: "Plug the vehicle in",
      raise: "Unplug the vehicle",
    };
  }
  if (id === "door") {
    return {
      words: `The door is open. ${UNTIL}`,
      ...{ press: "Close the door", raise: "Open the door" },
    };
  }
  if (/emergency|estop/.test(id)) {
    return {
      words: `The emergency stop is pressed. ${UNTIL}`,
      press: "Release the emergency stop",
      raise: "Emergency stop",
    };
  }
  const name = plain(id);
  return { words: `${name} is raised. ${UNTIL}`, press: `Clear ${name}`, raise: `Raise ${name}` };
}

/** A card that fits a reader of the board, or the page as a buyer where there is none. */
function firstCard(app: App, board: BoardState): { words: string; press: Press } {
  const again = board.orders.length === 0 ? "to buy something." : "to buy again.";
  for (const { id: reader, kind } of board.readers) {
    const card = board.cards.find(({ ways }) => ways.includes(kind))?.name;
    if (card === undefined) continue;
    if (kind === "tap") {
      const act = (): void => void tapCard(app, board.id, reader, card);
      return { words: `Tap a card ${again}`, press: { words: `Tap ${card}`, act } };
    }
    const act = (): void => void app.act({ board: board.id, do: "insert", reader, card });
    return { words: `Insert a card ${again}`, press: { words: `Insert ${card}`, act } };
  }
  const press = { words: "Buy from this page", act: () => app.show("buy", board.id) };
  return { words: "It sells over the network, and this page can buy.", press };
}

// What stands in front of a person at the board: display, readers with cards, buttons, and the slip of the printer.

import type { BoardState } from "../bench/bench-state.ts";
import type { App } from "./app.ts";
import { button, h, type Shape } from "./element.ts";
import { plain } from "./words.ts";

/** How long a card that is tapped stays at the reader, in the world's time. */
const TAP_MS = 2_500;
/** And at least for so long, whatever the rate. */
const TAP_REAL_MS = 250;

type Reader = BoardState["readers"][number];

/** Holds a card to a reader and takes it away again, as a person does. */
export async function tapCard(
  app: App,
  board: string,
  reader: string,
  card: string,
): Promise<void> {
  const done = await app.act({ board, do: "tap", reader, card });
  if (!done.ok) return;
  const rate = app.picture.time?.rate ?? 1;
  window.setTimeout(
    () => void app.act({ board, do: "remove", reader }),
    Math.max(TAP_REAL_MS, TAP_MS / rate),
  );
}

export function deskView(app: App, board: BoardState): Shape | undefined {
  const parts = [
    displayView(board),
    buttonsView(app, board),
    ...board.readers.map((reader) => readerView(app, board, reader)),
    terminalView(app, board),
    paperView(app, board),
  ].filter((one) => one !== undefined);
  return parts.length === 0 ? undefined : h("div", { class: "desk", key: "desk" }, parts);
}

function displayView({ display, id }: BoardState): Shape | undefined {
  if (display === undefined) return undefined;
  const rows = display.map((row) => row.padEnd(20)).join("\n");
  return h(
    "div",
    { class: "lcd", key: "display" },
    h("pre", { "aria-label": `display of ${id}` }, rows),
  );
}

function readerView(app: App, board: BoardState, reader: Reader): Shape {
  const { id, kind, holds } = reader;
  const cards = board.cards.filter(({ ways }) => ways.includes(kind));
  const verb = kind === "tap" ? "Tap" : "Insert";
  const present = (card: string): void => {
    if (kind === "tap") void tapCard(app, board.id, id, card);
    else void app.act({ board: board.id, do: "insert", reader: id, card });
  };
  const remove = (): void => void app.act({ board: board.id, do: "remove", reader: id });
  return h(
    "fieldset",
    { class: `reader ${holds.length > 0 ? "holds" : ""}`, key: `reader ${id}` },
    h("legend", {}, kind === "tap" ? "Contactless reader" : "Chip card slot", ` (${id})`),
    h(
      "p",
      { class: "reader-holds" },
      holds.length === 0 ? "No card is there" : `${holds.join(", ")} is there`,
      holds.length > 0 && button("Take it away", remove, { class: "small" }),
    ),
    h(
      "div",
      { class: "cards" },
      cards.map(({ name, what }) =>
        button(name, () => present(name), {
          ...{ key: name, class: "bank-card", title: what },
          ...{ disabled: !board.powered || holds.includes(name) },
          "aria-label": `${verb} ${name}: ${what}`,
        }),
      ),
    ),
  );
}

/** Only where the device's file names it as its payment host does anybody listen to it. */
function terminalView(app: App, { id, terminal }: BoardState): Shape | undefined {
  if (terminal === undefined) return undefined;
  const tap = (card: string): void =>
    void app.act({ board: id, do: "tap", reader: "terminal", card });
  return h(
    "details",
    { class: "reader", key: "terminal" },
    h("summary", {}, "Card terminal"),
    h(
      "p",
      { class: "dim" },
      "It asks for a card where the device's file names it as the payment host.",
    ),
    h(
      "pre",
      { class: "lcd", "aria-label": `screen of the terminal of ${id}` },
      terminal.screen.join("\n"),
    ),
    h(
      "div",
      { class: "cards" },
      terminal.cards.map((card) =>
        button(card, () => tap(card), {
          ...{ key: card, class: "bank-card", "aria-label": `Tap ${card} at the terminal` },
        }),
      ),
    ),
  );
}

function buttonsView(app: App, { id, buttons }: BoardState): Shape | undefined {
  if (buttons.length === 0) return undefined;
  return h(
    "fieldset",
    { class: "buttons", key: "buttons" },
    h("legend", {}, "Buttons"),
    buttons.map((one) =>
      button(plain(one), () => void app.act({ board: id, do: "press", button: one }), {
        ...{ key: one, class: one === "stop" ? "push stop" : "push" },
        "aria-label": `Press ${one}`,
      }),
    ),
  );
}

function paperView(app: App, { id }: BoardState): Shape | undefined {
  const { paper } = app.picture.log(id);
  if (paper.length === 0) return undefined;
  return h(
    "details",
    { class: "paper", key: "paper" },
    h("summary", {}, "Last printed receipt"),
    h("pre", {}, paper.join("\n")),
  );
}

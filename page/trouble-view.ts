// What may go wrong at a board, each as a thing to click: faults, cables, sensors, power, network, clock.

import type { BenchAction } from "../bench/bench-action.ts";
import type { BoardState } from "../bench/bench-state.ts";
import type { App } from "./app.ts";
import { button, h, type Shape } from "./element.ts";
import { plain } from "./words.ts";

const HOUR_MS = 3_600_000;
const DARK_MS = 3_000;
const BROKER_MS = 10_000;

export function troubleView(app: App, board: BoardState): Shape {
  return h(
    "details",
    { class: "trouble", key: "trouble" },
    h("summary", {}, "Break something"),
    faultsView(app, board),
    worldView(app, board),
    siteView(app, board),
    sensorsView(app, board),
    cablesView(app, board),
  );
}

function faultsView(app: App, board: BoardState): Shape | undefined {
  const all = board.faults.flatMap((fault) =>
    fault.targets.map((target) => ({ ...fault, target, isOn: fault.on.includes(target) })),
  );
  if (all.length === 0) return undefined;
  return h(
    "fieldset",
    { class: "faults", key: "faults" },
    h("legend", {}, "Faults"),
    all.map(({ id, what, target, isOn, targets }) =>
      button(
        targets.length > 1 ? `${plain(id)} ${target}` : plain(id),
        () => void app.act({ board: board.id, do: isOn ? "mend" : "break", fault: id, target }),
        {
          ...{ key: `${id} ${target}`, class: "toggle", title: `${target}: ${what}` },
          ...{ "aria-pressed": String(isOn), "data-fault": id, "data-target": target },
        },
      ),
    ),
  );
}

type Doing = (words: string, action: BenchAction) => Shape;

function doings(app: App): Doing {
  return (words, action) =>
    button(words, () => void app.act(action), {
      ...{ key: words, class: "toggle", "data-do": action.do },
    });
}

function worldView(app: App, { id: board, powered, connected }: BoardState): Shape {
  const doing = doings(app);
  return h(
    "fieldset",
    { key: "world" },
    h("legend", {}, "Power, loop, network"),
    powered
      ? doing("Cut the power", { board, do: "power-off" })
      : doing("Power on", { board, do: "power-on" }),
    doing("Cut it for 3 s", { board, do: "power-off", forMs: DARK_MS }),
    doing("Kill the loop", { board, do: "kill-loop" }),
    connected
      ? doing("Cut the network", { board, do: "network-off" })
      : doing("Mend the network", { board, do: "network-on" }),
  );
}

/** One broker and one wall clock serve all boards of a site. */
function siteView(app: App, { id: board }: BoardState): Shape {
  const doing = doings(app);
  return h(
    "fieldset",
    { key: "site" },
    h("legend", {}, "Of all boards: broker and clocks"),
    doing("Broker dies for 10 s", { board, do: "broker-dies", forMs: BROKER_MS }),
    doing("All clocks + 1 h", { board, do: "clock-jump", byMs: HOUR_MS }),
    doing("All clocks - 1 h", { board, do: "clock-jump", byMs: -HOUR_MS }),
  );
}

function sensorsView(app: App, { id: board, sensors }: BoardState): Shape | undefined {
  const levels = sensors.filter(({ value }) => value !== undefined);
  if (levels.length === 0) return undefined;
  const set = (sensor: string, text: string): void => {
    const value = Number(text);
    if (text !== "") void app.act({ board, do: "sensor", sensor, value });
  };
  return h(
    "fieldset",
    { key: "sensors" },
    h("legend", {}, "Sensors"),
    levels.map(({ id, unit, value }) =>
      h(
        "label",
        { key: id, class: "sensor" },
        `${id}: ${value} ${unit}`,
        h("input", {
          ...{ type: "number", step: 1, placeholder: "set", "aria-label": `set ${id} in ${unit}` },
          onchange: ({ target }) => set(id, (target as HTMLInputElement).value),
        }),
      ),
    ),
  );
}

function cablesView(app: App, { id: board, serial }: BoardState): Shape | undefined {
  if (serial.length === 0) return undefined;
  return h(
    "fieldset",
    { key: "cables" },
    h("legend", {}, "Cables"),
    serial.map(({ id, plugged }) =>
      button(
        `${plugged ? "Unplug" : "Plug in"} ${id}`,
        () => void app.act({ board, do: plugged ? "unplug" : "plug", serial: id }),
        { key: id, class: "toggle", "data-cable": id, "aria-pressed": String(!plugged) },
      ),
    ),
  );
}

// The bench page: joins the line to the bench, what is known of it, the buyer and the views, and draws them at most once a frame.

import "./page.css";
import type { BenchAction } from "../bench/bench-action.ts";
import type { App, Chosen, Panel } from "./app.ts";
import { openBenchSocket } from "./bench-socket.ts";
import { boardView } from "./board-view.ts";
import { buyView } from "./buy-view.ts";
import { Buyer } from "./buyer.ts";
import { DeliveryPlots } from "./delivery-plot.ts";
import { button, type Child, draw, h, type Shape } from "./element.ts";
import { Picture } from "./picture.ts";
import { openPageClock } from "./ports/clock.ts";
import { logView, ordersView, paymentView, receiptsView } from "./record-views.ts";
import { scenarioView, TOO_LONG } from "./scenario-view.ts";
import { TabMemory } from "./tab-memory.ts";
import { timeView } from "./time-view.ts";
import { wireView } from "./wire-view.ts";

const clock = openPageClock();
const picture = new Picture();
const plots = new DeliveryPlots();
let memory = new TabMemory("");
let hasBooks = false;
let isDue = false;

const changed = (): void => {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawAll();
  });
};

const chosen: Chosen = {
  ...{ board: "", panel: "buy", frame: undefined, forged: new Set<string>() },
  ...{ said: "", isRefused: false, card: "approve", isStreamed: false },
  ...{ service: 0, price: 0, units: 1, isRecording: false, scenario: "" },
};

const socket = openBenchSocket({
  hello: (hello) => {
    // Told at the start of every world, and again where the line was lost: then all that is known holds.
    const isSame = picture.hello?.world === hello.world;
    picture.hello = hello;
    if (!isSame) beginWorld(hello.world);
    changed();
  },
  state: (time, state, recorded) => {
    clock.follow(time);
    picture.seeState(time, state, recorded);
    plots.add(state);
    if (!state.boards.some(({ id }) => id === chosen.board)) {
      chosen.board = state.boards[0]?.id ?? "";
    }
    takeUpOnce();
    changed();
  },
  events: (events) => {
    picture.seeEvents(events);
    changed();
  },
  connected: (isConnected) => {
    picture.isConnected = isConnected;
    changed();
  },
});

/** What was known is of the world before; of this one the tab may have kept something, where it was loaded anew. */
function beginWorld(world: string): void {
  picture.forget();
  plots.clear();
  void app.buyer.close();
  memory.end();
  memory = new TabMemory(world);
  app.buyer = new Buyer(clock, memory, changed);
  chosen.isRecording = memory.kept.isRecording;
  hasBooks = memory.kept.records.length > 0;
}

/** As soon as it is known which boards there are. */
function takeUpOnce(): void {
  if (!hasBooks) return;
  hasBooks = false;
  void app.buyer.takeUp();
}

const app: App = {
  ...{ picture, buyer: new Buyer(clock, memory, changed), chosen },
  choose: (change) => {
    Object.assign(chosen, change);
    const { isRecording } = change;
    if (isRecording !== undefined) memory.keep({ isRecording });
    changed();
  },
  show: (one, board) => {
    app.choose({ panel: one, board });
    requestAnimationFrame(() => {
      const shown = document.getElementById("panel");
      shown?.scrollIntoView({ block: "nearest" });
      shown?.focus({ preventScroll: true });
    });
  },
  act: (action) => app.ask({ act: action }, actionWords(action)),
  ask: async (request, said) => {
    const answer = await socket.ask(request);
    const at = answer.ok || answer.at === undefined ? "" : `${String(answer.at)}: `;
    const words = answer.ok ? said : `Refused: ${at}${String(answer.message)}`;
    app.choose({ said: words, isRefused: !answer.ok });
    return answer;
  },
};

function actionWords(action: BenchAction): string {
  const { board: _, do: verb, ...rest } = action as Record<string, unknown>;
  return `Done: ${[verb, ...Object.values(rest)].map(String).join(" ")}`;
}

const PANELS: readonly (readonly [Panel, string])[] = [
  ["buy", "Buy from this page"],
  ["payment", "Payment"],
  ["orders", "Orders and money"],
  ["receipts", "Receipts"],
  ["wire", "On the wire"],
  ["log", "What happened"],
  ["scenarios", "Scenarios"],
];

function drawAll(): void {
  drawInto("time", [timeView(app)]);
  drawInto("notice", notice());
  drawInto("board-tabs", boardTabs());
  drawInto(
    "boards",
    picture.boards.map((board) => boardView(app, plots, board)),
  );
  drawInto("panel-tabs", panelTabs());
  drawInto("panel", [
    h("div", { key: chosen.panel, class: `panel-body of-${chosen.panel}` }, panel()),
  ]);
}

function drawInto(id: string, children: readonly Child[]): void {
  const parent = document.getElementById(id);
  if (parent !== null) draw(parent, children);
}

function notice(): Shape[] {
  if (!picture.isConnected) {
    const words =
      picture.state === undefined
        ? "Connecting to the bench\u2026"
        : "The bench has gone. Start it again with: make bench-ui";
    return [h("p", { class: "said refused", key: "gone" }, words)];
  }
  const { said, isRefused, isRecording } = chosen;
  const isTooLong = isRecording && picture.recorded?.isTooLong === true;
  return [
    isTooLong && h("p", { class: "said refused", key: "too-long", role: "alert" }, TOO_LONG),
    h("p", { class: isRefused ? "said refused" : "said", key: "said" }, said),
  ].filter((one) => one !== false);
}

function tabs<Id extends string>(
  all: readonly (readonly [Id, string])[],
  now: Id,
  choose: (id: Id) => void,
  controls: (id: Id) => string,
): Shape[] {
  const move = (event: Event, index: number): void => {
    const { key } = event as KeyboardEvent;
    const by = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
    const to = all[(index + by + all.length) % all.length];
    if (by === 0 || to === undefined) return;
    event.preventDefault();
    choose(to[0]);
    document.getElementById(`tab-${to[0]}`)?.focus();
  };
  return all.map(([id, words], index) =>
    button(words, () => choose(id), {
      ...{ key: id, id: `tab-${id}`, role: "tab", class: "tab" },
      ...{ "aria-selected": String(id === now), "aria-controls": controls(id) },
      ...{ tabindex: id === now ? 0 : -1, onkeydown: (event: Event) => move(event, index) },
    }),
  );
}

function boardTabs(): Shape[] {
  const all = picture.boards.map(({ id, name }) => [id, name] as const);
  return tabs(
    all,
    chosen.board,
    (board) => app.choose({ board }),
    (id) => `board-${id}`,
  );
}

function panelTabs(): Shape[] {
  return tabs(
    PANELS,
    chosen.panel,
    (one) => app.choose({ panel: one }),
    () => "panel",
  );
}

function panel(): readonly Child[] {
  const board = picture.boards.find(({ id }) => id === chosen.board);
  if (board === undefined) return [];
  const { panel: which } = chosen;
  if (which === "buy") return buyView(app);
  if (which === "scenarios") return scenarioView(app);
  const of = h("h3", { key: "of", class: "panel-of" }, board.name);
  if (which === "orders") return [of, ...ordersView(board)];
  const views = { payment: paymentView, receipts: receiptsView, wire: wireView, log: logView };
  return [of, ...views[which](app, board.id)];
}

changed();

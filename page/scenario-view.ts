// Scenarios: what is done here is recorded as a file, and files are done again, from a seed.

import { DONE_BYTES_MAX, DONE_STEPS_MAX } from "../bench/done-actions.ts";
import type { App } from "./app.ts";
import { button, h, type Shape } from "./element.ts";

const SCENARIO_BYTES_MAX = 1_000_000;
export const TOO_LONG =
  "This recording has become too long to be replayed: nothing more of it is kept. Record anew, and less.";

export function scenarioView(app: App): Shape[] {
  const { chosen, picture } = app;
  const { scenarios = [], seed = 1 } = picture.hello ?? {};
  return [
    h(
      "p",
      { class: "dim", key: "intro" },
      "Recording begins a fresh world from the seed that is set here. A recorded scenario does the same again, byte for byte; sluice bench run does it without a page.",
    ),
    h(
      "div",
      { class: "row", key: "record" },
      chosen.isRecording
        ? button("Stop recording", () => void stop(app), { key: "stop", class: "stop" })
        : button("Record", () => void record(app), { key: "record", class: "primary" }),
      h(
        "label",
        { key: "seed" },
        "Seed",
        h("input", {
          id: "seed",
          type: "number",
          min: 0,
          max: 4_294_967_295,
          step: 1,
          value: seed,
        }),
      ),
      button("Begin a fresh world", () => void restart(app), { key: "fresh" }),
    ),
    chosen.isRecording && recordedView(app),
    h(
      "div",
      { class: "row", key: "shipped" },
      h(
        "label",
        {},
        "A scenario that ships",
        h(
          "select",
          { id: "shipped" },
          scenarios.map((name) => h("option", { key: name, value: name }, name)),
        ),
      ),
      button("Replay it", () => void replayShipped(app), {
        key: "replay shipped",
        disabled: scenarios.length === 0,
      }),
      h(
        "label",
        { key: "file" },
        "or a file of yours",
        h("input", {
          type: "file",
          accept: ".yaml,.yml",
          onchange: ({ target }) => void readFile(app, target as HTMLInputElement),
        }),
      ),
    ),
    chosen.scenario !== "" && textView(app),
  ].filter((one) => one !== false);
}

/** How much of what a scenario may hold is used up. */
function recordedView({ picture }: App): Shape {
  const { steps = 0, bytes = 0, isTooLong = false } = picture.recorded ?? {};
  const most = `${DONE_STEPS_MAX} steps, ${Math.round(DONE_BYTES_MAX / 1000)} kB`;
  const used = `Recording: ${steps} steps, ${Math.ceil(bytes / 1000)} kB of at most ${most}.`;
  return h(
    "p",
    { key: "recorded", class: isTooLong ? "verdict bad" : "dim" },
    isTooLong ? TOO_LONG : used,
  );
}

function textView(app: App): Shape {
  const { scenario } = app.chosen;
  const again = (): void => void replay(app, { replay: scenario });
  return h(
    "div",
    { key: "text", class: "scenario" },
    h("pre", { tabindex: 0, role: "region", "aria-label": "the scenario" }, scenario),
    h(
      "div",
      { class: "row" },
      button("Replay it", again, { key: "replay", class: "primary" }),
      button("Save as a file", () => save(scenario), { key: "save" }),
    ),
  );
}

async function record(app: App): Promise<void> {
  const answer = await app.ask({ record: { seed: seedGiven() } }, "recording, in a fresh world");
  if (answer.ok) app.choose({ isRecording: true, scenario: "" });
}

async function stop(app: App): Promise<void> {
  const answer = await app.ask({ record: "stop" }, "recorded");
  const scenario = answer.ok && typeof answer["scenario"] === "string" ? answer["scenario"] : "";
  app.choose({ isRecording: false, scenario });
}

async function restart(app: App): Promise<void> {
  const seed = seedGiven();
  await app.ask({ restart: { seed } }, `a fresh world from seed ${seed}`);
}

function seedGiven(): number {
  return Number((document.getElementById("seed") as HTMLInputElement | null)?.value);
}

async function replayShipped(app: App): Promise<void> {
  const name = (document.getElementById("shipped") as HTMLSelectElement | null)?.value ?? "";
  const reply = await fetch(`scenarios/${encodeURIComponent(name)}`);
  if (!reply.ok) return;
  const scenario = await reply.text();
  app.choose({ scenario });
  await replay(app, { replay: scenario });
}

async function replay(app: App, request: { replay: string }): Promise<void> {
  await app.ask(request, "replaying");
  app.choose({ isRecording: false });
}

async function readFile(app: App, { files }: HTMLInputElement): Promise<void> {
  const file = files?.[0];
  if (file === undefined) return;
  if (file.size > SCENARIO_BYTES_MAX) {
    app.choose({ said: `${file.name} is larger than a scenario may be`, isRefused: true });
  } else app.choose({ scenario: await file.text() });
}

function save(text: string): void {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  link.href = url;
  link.download = "recorded.yaml";
  link.click();
  URL.revokeObjectURL(url);
}

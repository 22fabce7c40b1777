// The world's time, and how fast it passes.

import type { App } from "./app.ts";
import { button, h, type Shape } from "./element.ts";
import { wallTime, worldTime } from "./words.ts";

const RATES = [1, 10, 100] as const;
/** Below such a part of the rate that is set it is said. */
const SLOW_PART = 0.9;
const SLOW = "This computer is too slow, or too busy, for the rate that is set";

export function timeView({ picture, ask }: App): Shape {
  const { time } = picture;
  const isPaused = time?.paused === true;
  const { speed } = picture;
  const isSlow = speed !== undefined && speed < (time?.rate ?? 0) * SLOW_PART;
  const set = (wanted: unknown, said: string) => () => void ask({ time: wanted }, said);
  return h(
    "div",
    { class: "time", role: "group", "aria-label": "time of the world" },
    h(
      "p",
      { class: "clock" },
      h("time", {}, worldTime(time?.nowMs ?? 0)),
      h("span", { class: "dim" }, wallTime(time?.wallMs ?? 0), " UTC"),
      isSlow && h("span", { class: "slow", title: SLOW }, `goes at ${Math.round(speed ?? 0)}x`),
    ),
    button("Pause", set("pause", "time stands still"), {
      ...{ key: "pause", class: "toggle", "aria-pressed": String(isPaused), disabled: isPaused },
    }),
    button("Step", set("step", "one event later"), {
      ...{ key: "step", class: "toggle", disabled: !isPaused, title: "Runs the next event" },
    }),
    RATES.map((rate) =>
      button(`${rate}x`, set({ rate }, `time runs at ${rate}x`), {
        ...{ key: `rate ${rate}`, class: "toggle" },
        "aria-pressed": String(!isPaused && time?.rate === rate),
        "aria-label": rate === 1 ? "real time" : `${rate} times real time`,
      }),
    ),
  );
}

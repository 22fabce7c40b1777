// The plot of an outlet: units delivered against units granted, over the world's time, of the session that runs or ran last. What
// lies above the granted line would have been given away.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { BenchState, OutletState } from "../bench/bench-state.ts";

/** What is granted may lie above the plot: what is delivered fills at least such a part of its height. */
const DELIVERED_PART = 0.25;
/** Half of the samples are dropped when there are so many. */
const SAMPLES_MAX = 1_200;
const HEIGHT_PX = 150;
const MARGIN = 1.1;

interface Plot {
  holder: HTMLElement;
  plot: uPlot | undefined;
  unit: string;
  order: string;
  beganMs: number;
  /** Seconds since the session began, units delivered, units granted. */
  data: [number[], number[], number[]];
}

export class DeliveryPlots {
  readonly #plots = new Map<string, Plot>();
  readonly #resized = new ResizeObserver((entries) => {
    for (const { target } of entries) this.#resize(target);
  });

  constructor() {
    // Colours are the style sheet's, which follows the system.
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const one of this.#plots.values()) redraw(one);
    });
  }

  /** The element of an outlet's plot, always the same; none before its first delivery. */
  of(name: string): HTMLElement | undefined {
    return this.#plots.get(name)?.holder;
  }

  #of(name: string, unit: string): Plot {
    const there = this.#plots.get(name);
    if (there !== undefined) return there;
    const holder = document.createElement("div");
    holder.className = "plot-holder";
    const fresh: Plot = {
      ...{ holder, plot: undefined, unit, order: "", beganMs: 0 },
      data: [[], [], []],
    };
    this.#plots.set(name, fresh);
    this.#resized.observe(holder);
    return fresh;
  }

  /** Another world: nothing was delivered yet. */
  clear(): void {
    for (const one of this.#plots.values()) {
      this.#resized.unobserve(one.holder);
      one.plot?.destroy();
    }
    this.#plots.clear();
  }

  add({ nowMs, boards }: BenchState): void {
    for (const board of boards) {
      for (const outlet of board.outlets) this.#add(`${board.id}/${outlet.id}`, nowMs, outlet);
    }
  }

  #add(name: string, nowMs: number, { session, unit, pulsesPerUnit }: OutletState): void {
    if (session === undefined) return;
    const one = this.#of(name, unit);
    if (one.order !== session.order || nowMs < one.beganMs) {
      one.order = session.order;
      one.beganMs = nowMs;
      one.data = [[], [], []];
    }
    const [times, delivered, granted] = one.data;
    times.push((nowMs - one.beganMs) / 1000);
    delivered.push(session.delivered / pulsesPerUnit);
    granted.push(session.granted / pulsesPerUnit);
    if (times.length > SAMPLES_MAX) {
      const halves = one.data.map((list) => list.filter((_, index) => index % 2 === 0));
      one.data = halves as Plot["data"];
    }
    one.plot?.setData(one.data);
  }

  #resize(holder: Element): void {
    const one = [...this.#plots.values()].find((each) => each.holder === holder);
    const width = Math.floor(holder.clientWidth);
    if (one === undefined || width === 0) return;
    if (one.plot === undefined) redraw(one);
    else one.plot.setSize({ width, height: HEIGHT_PX });
  }
}

function heightOf([, delivered = [], granted = []]: uPlot.AlignedData): number {
  const [most, allowed] = [delivered.at(-1) ?? 0, granted.at(-1) ?? 0];
  return MARGIN * Math.max(most, Math.min(allowed, most / DELIVERED_PART)) || 1;
}

function redraw(one: Plot): void {
  one.plot?.destroy();
  one.plot = new uPlot(options(one), one.data, one.holder);
}

function options({ holder, unit }: Plot): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    ...{ stroke: colour("--dim"), font: "12px system-ui, sans-serif" },
    ...{ grid: { stroke: colour("--rule"), width: 1 }, ticks: { show: false } },
  };
  return {
    ...{ width: Math.max(200, Math.floor(holder.clientWidth)), height: HEIGHT_PX },
    cursor: { y: false, points: { size: 6 } },
    legend: { live: false, markers: { width: 3 } },
    scales: {
      x: { time: false, range: (_, __, max) => [0, Math.max(10, max ?? 0)] },
      y: { range: ({ data }) => [0, heightOf(data)] },
    },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((tick) => `${tick} s`) },
      { ...axis, size: 48 },
    ],
    series: [
      { label: "s" },
      { label: `delivered ${unit}`, stroke: colour("--accent"), width: 2, fill: colour("--wash") },
      { label: `granted ${unit}`, stroke: colour("--warm"), width: 2, dash: [6, 4] },
    ],
  };
}

// Which outputs of a board only programs hold open: where the kernel keeps the level of a line whose program died, or no
// pull opens it. What the wiring must do there is in docs/boards.md.

import { readFileSync } from "node:fs";
import type { Board } from "../hal/board.ts";
import type { Computer } from "../hal/computer.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import { restOf } from "./board-wiring.ts";

/** Drivers of the Raspberry Pis' chips that can be told what becomes of an output that nobody holds. */
const PERSIST_MODULES = ["pinctrl_bcm2835", "pinctrl_rp1"];
const PERSIST = /^[Yy1]\s*$/;

/** What a driver says that it does; undefined where none says anything. `root` is put before paths of the kernel. */
export function keepsOutputs(root: string): { module: string; keeps: boolean } | undefined {
  for (const module of PERSIST_MODULES) {
    try {
      const path = `${root}/sys/module/${module}/parameters/persist_gpio_outputs`;
      return { module, keeps: PERSIST.test(readFileSync(path, "utf8")) };
    } catch {
      // Another computer's.
    }
  }
  return undefined;
}

/** In words, for whoever starts a device; none where hardware opens every output, or there are none. */
export function outputWarnings(board: Board, computer: Computer, root = ""): readonly string[] {
  const outputs = [...lineUses(board)].filter(([, use]) => use === "output").map(([line]) => line);
  if (board.virtual !== undefined || outputs.length === 0) return [];
  const named = (lines: readonly string[]): string =>
    lines.map((line) => `${line} (pin ${board.lines?.[line]?.pin ?? "unknown"})`).join(", ");
  const floating = outputs.filter((line) => !restOf(board, computer, line, "output").opens);
  const see = "docs/boards.md, When something dies";
  return [
    ...(floating.length === 0
      ? []
      : [
          `nothing but programs holds these outputs open: ${named(floating)}. Before any program runs, and when all of them are dead, they may close: they want a resistor, and \`resistor\` in their wiring (${see})`,
        ]),
    ...(keepsOutputs(root)?.keeps === true
      ? [
          `this kernel keeps an output at its level when its program dies: where the loop and its guard are killed together only the service's stop command opens ${named(outputs)}. Set dtparam=strict_gpiod in config.txt, or wire them so that this is safe (${see})`,
        ]
      : []),
  ];
}

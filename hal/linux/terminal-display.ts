// The display of a board that has none of its own: pages as text, a frame around each, a QR code below.

import { DISPLAY_LINES_MAX, type Display, type DisplayPage } from "../display.ts";

const WIDTH_MAX = 60;

/** Every page is written below the one before. */
export function openTerminalDisplay(write: (text: string) => void): Display {
  let closed = false;
  return {
    showsCodes: true,
    show: (page) => {
      if (!closed) write(pageText(page));
    },
    close: async () => {
      closed = true;
    },
  };
}

function pageText({ lines, code = [] }: DisplayPage): string {
  const shown = lines.slice(0, DISPLAY_LINES_MAX).map((line) => {
    return [...line.replace(/\p{Cc}/gu, " ")].slice(0, WIDTH_MAX).join("");
  });
  const width = Math.max(12, ...shown.map((line) => [...line].length));
  const edge = "-".repeat(width + 2);
  const framed = shown.map((line) => `| ${line}${" ".repeat(width - [...line].length)} |`);
  return `${[`+${edge}+`, ...framed, `+${edge}+`, ...code].join("\n")}\n`;
}

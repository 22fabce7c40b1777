// docs/boards.md as text: the wiring of the product boards on each computer as it stands in the data, and what must be
// known besides.

import { COMPUTERS } from "../boards/computers.ts";
import { BOARDS } from "../boards/registry.ts";
import type { Board, LineWiring } from "../hal/board.ts";
import type { Computer } from "../hal/computer.ts";
import { type LineUse, lineUses } from "../hal/linux/gpio-wiring.ts";
import { lineFunctions, portsElsewhere, restOf } from "./board-wiring.ts";
import { CHARGER, CRASH, INTRODUCTION, PROCESSORS, PUMP, READERS } from "./boards-words.ts";

/** Boards that exist and say themselves where their lines go. */
const PRODUCTS = BOARDS.filter(
  ({ virtual, lines }) => virtual === undefined && lines !== undefined,
);

export function boardsMarkdown(): string {
  return [
    INTRODUCTION,
    ...PRODUCTS.map(boardPart),
    "## Computers\n",
    ...COMPUTERS.map(computerPart),
    CRASH,
    CHARGER,
    PUMP,
    READERS,
    PROCESSORS,
  ].join("\n");
}

function boardPart(board: Board): string {
  const computers = COMPUTERS.filter(({ name }) => board.computers?.includes(name));
  return [
    `## ${board.title}: \`${board.name}\`\n`,
    wiringTable(board, computers),
    "\nThe same lines as the kernel of each computer has them, chip and offset:\n",
    chipTable(board, computers),
    "\nSerial ports:\n",
    serialTable(board),
    ...computers.flatMap((computer) => elsewhere(board, computer)),
    "",
  ].join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function wiringTable(board: Board, computers: readonly Computer[]): string {
  const functions = lineFunctions(board);
  const rows = wired(board).map(([line, use, wiring]) => [
    wiring.pin,
    `\`${line}\``,
    functions.get(line) ?? "",
    use === "edges" ? "pulses" : use,
    wiring.activeLow === true ? "low" : "high",
    [wiring.bias, wiring.debounceMs && `${wiring.debounceMs} ms debounce`]
      .filter(Boolean)
      .join(", "),
    restText(board, computers, line, use),
    wiring.note ?? "",
  ]);
  return table(
    ["pin", "line", "for", "use", "active", "set by us", "pull at reset", "wired to"],
    rows,
  );
}

/** Lines of the board by the number of their pin. */
function wired(board: Board): readonly (readonly [string, LineUse, LineWiring])[] {
  return [...lineUses(board)]
    .flatMap(([line, use]) => {
      const wiring = board.lines?.[line];
      return wiring === undefined ? [] : [[line, use, wiring] as const];
    })
    .sort(([, , a], [, , b]) => a.pin.localeCompare(b.pin, "en", { numeric: true }));
}

function restText(
  board: Board,
  computers: readonly Computer[],
  line: string,
  use: LineUse,
): string {
  const all = computers.map((computer) => {
    const { pull, opens } = restOf(board, computer, line, use);
    const by = board.lines?.[line]?.resistor === undefined ? "" : " by a resistor of its own";
    const rest = opens === undefined ? "" : opens ? ": open" : ": CLOSED";
    return `${pull ?? "unknown"}${by}${rest}`;
  });
  return [...new Set(all)].join(" or ");
}

function chipTable(board: Board, computers: readonly Computer[]): string {
  const rows = wired(board).map(([line, , { pin }]) => [
    `\`${line}\``,
    ...computers.map((computer) => {
      const part = computer.pins[pin];
      return part === undefined ? "no such pin" : `${part.chip}/${part.line}`;
    }),
  ]);
  return table(["line", ...computers.map(({ title }) => title)], rows);
}

function serialTable(board: Board): string {
  const rows = Object.entries(board.serial ?? {}).map(([name, { path, settings }]) => {
    const { baud, dataBits = 8, parity = "none", stopBits = 1 } = settings;
    const frame = `${dataBits}${parity === "none" ? "N" : parity.slice(0, 1).toUpperCase()}${stopBits}`;
    return [`\`${name}\``, `\`${path}\``, `${baud} ${frame}`, hangsOn(board, name)];
  });
  return table(["port", "where", "set to", "what hangs on it"], rows);
}

function hangsOn({ outlets, readers = [], display, printer }: Board, name: string): string {
  const meters = outlets
    .flatMap((outlet) => outlet.meters)
    .filter((meter) => meter.kind === "modbus")
    .filter(({ bus }) => bus === name);
  const things = [
    ...readers
      .filter(({ serial }) => serial === name)
      .map(({ id, kind }) => `reader ${id} (${kind})`),
    ...meters.map(({ id, model, address }) => `meter ${id} (${model}, address ${address})`),
  ];
  if (display?.kind === "lcd" && display.serial === name) things.push("display");
  if (printer?.serial === name) things.push("receipt printer");
  return things.join(", ") || "free: a card terminal, where the device file names one";
}

function elsewhere(board: Board, computer: Computer): readonly string[] {
  return [...portsElsewhere(board, computer)].map(([name, path]) => {
    return `\nOn a ${computer.title} the header's port is another: \`serial: { ${name}: ${path} }\` in the device file.`;
  });
}

function computerPart({ title, compatible, uarts, watchdog, notes }: Computer): string {
  const known = compatible.map((name) => `\`${name}\``).join(", ");
  const rows = uarts.map(({ path, pins, note }) => [`\`${path}\``, pins?.join(", ") ?? "", note]);
  const waits =
    watchdog === undefined
      ? "Watchdog: none that is known."
      : `Watchdog: \`${watchdog.path}\`, at most ${watchdog.maxMs / 1000} s.`;
  return [
    `### ${title}\n`,
    known === "" ? "Any that is none of those above.\n" : `Known by ${known} in its device tree.\n`,
    table(["UART", "transmit, receive", "what it needs"], rows),
    `\n${waits}\n`,
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}

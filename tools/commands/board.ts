// `sluice board`: which boards there are, what is fitted here and what is missing, and one port at a time by hand.

import { COMPUTERS } from "../../boards/computers.ts";
import { BOARDS } from "../../boards/registry.ts";
import { fail, type Result } from "../../firmware/result.ts";
import { sleep } from "../../hal/clock.ts";
import { detectComputer, reportLines } from "../../hal/linux/gpio-lines.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { checkBoard, NOT_CERTIFIED } from "../board-check.ts";
import { type ChosenBoard, chooseBoard } from "../board-choice.ts";
import type { Finding } from "../board-finding.ts";
import { pokePaper } from "../board-paper.ts";
import { metalGround, pokeLine, watchLine } from "../board-poke.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { integerOption } from "../option-value.ts";
import { untilStopped } from "../stop-signal.ts";

const SECONDS_MAX = 3_600;

export const board: Command = {
  name: "board",
  summary: "which boards there are, what of one is fitted here and what is missing; poke its ports",
  usage: "list | check | poke LINE on|off|read | watch LINE [--board NAME | --device FILE]",
  help: `list names the boards, and says which computer this is.
check looks at all that a board is made of: the computer, each line (pin, chip, driver, who holds it),
serial ports, readers, meters and sensors (asked, through the drivers that a device uses), watchdog,
and what outputs do when their program dies. It changes nothing. Exit code 1 when something is missing.
poke drives an output (on: until Ctrl-C), reads an input, "poke display show" shows a page, and
"poke printer print" prints one. watch tells every change of an input, or counts its pulses.
Both are refused while a device runs here; outputs go back to safe in the end.

  --board NAME   a board as it is
  --device FILE  the board of a device file, wired as the file says
  --seconds N    poke and watch: ends after so long, without Ctrl-C (1 to ${SECONDS_MAX})
  --json         one object a line: step board, check, poke or watch

examples:
  sluice board check --board pi-charger
  sluice board poke contactor on --board pi-charger --seconds 3
  sluice board watch flow --device my-pump.yaml`,
  options: {
    board: { type: "string" },
    device: { type: "string" },
    seconds: { type: "string" },
  },
  positionalsMax: 3,
  run: runBoard,
};

async function runBoard({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const [verb, line, word = ""] = positionals;
  if (verb === "list") return list(out);
  const wants = { check: 1, poke: 3, watch: 2 }[verb ?? ""];
  if (wants === undefined || positionals.length !== wants) {
    const words = "list, check, poke LINE on|off|read, or watch LINE";
    return told(fail("usage", `say what to do: board ${words}`), out);
  }
  const chosen = chooseBoard(values);
  if (!chosen.ok) return told(chosen, out);
  if (line === undefined) return check(chosen.value, out);
  const seconds = integerOption(values, "seconds", { min: 1, max: SECONDS_MAX });
  if (!seconds.ok) return told(seconds, out);
  const clock = openSystemClock();
  const one = chosen.value.board;
  if (verb === "poke" && (line === "display" || line === "printer")) {
    return told(await pokePaper(one, line, word, { clock, out }), out);
  }
  const stopped = untilStopped();
  const ended =
    seconds.value === undefined
      ? stopped
      : Promise.race([stopped, sleep(clock, seconds.value * 1000)]);
  const ground = metalGround(clock, out, ended);
  const done = await (verb === "poke"
    ? pokeLine(one, line, word, ground)
    : watchLine(one, line, ground));
  return told(done, out);
}

function told(done: Result<unknown>, out: Output): ExitCode {
  if (done.ok) return 0;
  out.fault(done.fault);
  return done.fault.kind === "usage" ? 2 : 1;
}

function list(out: Output): ExitCode {
  const here = detectComputer(COMPUTERS);
  const width = Math.max(...BOARDS.map(({ name }) => name.length));
  for (const { name, title, computers = [], virtual } of BOARDS) {
    const isVirtual = virtual !== undefined;
    const fits = here !== undefined && computers.includes(here.name);
    out.emit({ step: "board", board: name, title, virtual: isVirtual, computers, fits });
    const where = isVirtual ? "virtual" : `on ${computers.join(", ") || "any computer"}`;
    out.say(`${name.padEnd(width)}  ${title}; ${where}`);
  }
  const name = here?.name ?? "unknown";
  out.emit({ step: "computer", computer: name, title: here?.title ?? "" });
  out.say(`this computer: ${here?.title ?? "unknown"}`);
  return 0;
}

async function check(chosen: ChosenBoard, out: Output): Promise<ExitCode> {
  const found: Finding[] = [];
  let about: Finding["about"] | undefined;
  const ports = { clock: openSystemClock(), readLines: reportLines, root: "" };
  out.say(`${chosen.board.name}: ${chosen.board.title}`);
  await checkBoard(chosen, ports, (finding) => {
    found.push(finding);
    out.emit({ step: "check", ...finding, ...finding.details, details: undefined });
    if (about !== finding.about) out.say(finding.about);
    about = finding.about;
    out.say(`  ${MARKS[finding.state]} ${finding.name}: ${finding.message}`);
  });
  const readers = chosen.board.readers ?? [];
  if (readers.length > 0) {
    out.emit({ step: "note", certified: false, message: NOT_CERTIFIED });
    out.say(NOT_CERTIFIED);
  }
  const missing = found.filter(({ state }) => state === "missing").length;
  const warnings = found.filter(({ state }) => state === "warning").length;
  out.emit({ step: "checked", board: chosen.board.name, missing, warnings });
  out.say(`${missing} missing, ${warnings} to be judged by you`);
  return missing === 0 ? 0 : 1;
}

/** In one width. */
const MARKS = { good: "ok     ", warning: "look   ", missing: "MISSING" } as const;

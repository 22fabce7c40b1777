// What may be done by hand to a board that does not exist: cards and buttons, things that break, cables that are
// pulled. Requests come from outside: each word is checked, and one that fits nothing is refused by name.

import type { Board, InterlockPart, ReaderPart } from "../board.ts";
import { BENCH_FAULTS, type BenchFault } from "./bench-faults.ts";
import type { SimBoard } from "./open-board.ts";
import type { SimPeripherals, SimReader } from "./sim-peripherals.ts";
import { TERMINAL_CARDS, type TerminalCardName } from "./sim-terminal.ts";
import type { SimWallet } from "./sim-wallet.ts";

export type BenchRefusal = {
  ok: false;
  kind: "malformed" | "not-found" | "refused";
  /** The word of the request that it is about. */
  at?: string;
  message: string;
};
export type BenchAnswer = { ok: true; [fact: string]: unknown } | BenchRefusal;

export interface Bench {
  board: Board;
  sim: SimBoard;
  /** Absent where nothing hangs on a serial port. */
  peripherals?: SimPeripherals;
  wallet?: SimWallet;
}

/** What is said to the one and only thing of its kind need not be named. */
type Found = { ok: true; value: string } | BenchRefusal;
type Words = Readonly<Record<string, unknown>>;

const WORD = /^[\w.-]{1,32}$/;
const VALUE_MAX = 1_000_000_000;
/** How the card terminal is called beside the board's readers. */
const TERMINAL = "terminal";

/** Never throws: what a request asks for wrongly is refused. */
export function benchAnswer(bench: Bench, request: unknown): BenchAnswer {
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    return refuse("malformed", undefined, "a request is an object");
  }
  const words = request as Words;
  const { do: verb } = words;
  if (typeof verb !== "string" || !Object.hasOwn(VERBS, verb)) {
    const known = Object.keys(VERBS).join(", ");
    return refuse("malformed", "do", `must be one of ${known}`);
  }
  return VERBS[verb]?.(bench, words) ?? refuse("malformed", "do", "is not known");
}

const VERBS: Readonly<Record<string, (bench: Bench, words: Words) => BenchAnswer>> = {
  list,
  tap: (bench, words) => present(bench, words, "tap"),
  insert: (bench, words) => present(bench, words, "insert"),
  remove,
  press,
  raise: (bench, words) => setInterlock(bench, words, true),
  clear: (bench, words) => setInterlock(bench, words, false),
  break: (bench, words) => setFault(bench, words, true),
  mend: (bench, words) => setFault(bench, words, false),
  unplug: (bench, words) => setPlugged(bench, words, false),
  plug: (bench, words) => setPlugged(bench, words, true),
  sensor: setSensor,
  display,
  paper: ({ peripherals }) =>
    peripherals?.printer === undefined
      ? refuse("not-found", undefined, "the board has no printer")
      : { ok: true, papers: peripherals.printer.papers() },
};

function refuse(kind: BenchRefusal["kind"], at: string | undefined, message: string): BenchRefusal {
  return { ok: false, kind, ...(at !== undefined && { at }), message };
}

/** The one that is named, else the only one. */
function find(words: Words, at: string, known: readonly string[], what: string): Found {
  const { [at]: given } = words;
  if (given !== undefined && (typeof given !== "string" || !WORD.test(given))) {
    return refuse("malformed", at, "must be a short word");
  }
  const list = known.join(", ");
  if (known.length === 0) return refuse("not-found", at, `the board has no ${what}`);
  if (given === undefined) {
    const [only] = known;
    if (known.length === 1 && only !== undefined) return { ok: true, value: only };
    return refuse("malformed", at, `say which ${what}: ${list}`);
  }
  if (known.includes(given)) return { ok: true, value: given };
  return refuse("not-found", at, `there is no ${what} ${given}; there is ${list}`);
}

function list({ board, sim, peripherals, wallet }: Bench): BenchAnswer {
  const outlets = board.outlets.map(({ id, interlocks = [] }) => ({
    ...sim.metal.outlet(id),
    interlocks: interlocks.filter(hasLine).map((each) => ({
      id: each.id,
      raised: sim.controls.isRaised(id, each.id),
    })),
  }));
  const readers = [...(peripherals?.readers ?? [])].map(([id, reader]) => ({
    ...{ id, kind: reader.kind, serial: reader.serial, holds: heldBy(reader) },
  }));
  const { terminal } = peripherals ?? {};
  return {
    ok: true,
    board: board.name,
    outlets,
    sensors: (board.sensors ?? []).map(({ id, unit, kind }) => {
      return { id, unit, ...(kind !== "input" && { value: sim.sensors.level(id) }) };
    }),
    buttons: (board.buttons ?? []).map(({ id }) => id),
    readers,
    ...(terminal && {
      terminal: { screen: terminal.screen(), cards: Object.keys(TERMINAL_CARDS) },
    }),
    serial: [...(peripherals?.plugs() ?? [])].map(([id, plugged]) => ({ id, plugged })),
    cards: readers.length === 0 ? [] : (wallet?.entries() ?? []),
    faults: Object.entries(BENCH_FAULTS)
      .filter(
        ([, fault]) =>
          targetsOf({ board, sim, ...(peripherals && { peripherals }) }, fault).length > 0,
      )
      .map(([id, { of, what }]) => ({ id, of, what })),
    ...(peripherals?.display && { display: peripherals.display.rows() }),
  };
}

/** Names of the cards that are at it. */
export function heldBy(reader: SimReader): string[] {
  if (reader.kind === "pn532") return reader.chip.cards().map(({ name }) => name);
  const inSlot = reader.slot.card();
  return inSlot === undefined ? [] : [inSlot.name];
}

const WAY_OF: Readonly<Record<ReaderPart["kind"], "tap" | "insert">> = {
  pn532: "tap",
  "gempc-twin": "insert",
};

function present(bench: Bench, words: Words, way: "tap" | "insert"): BenchAnswer {
  const { peripherals, wallet } = bench;
  const { readers, terminal } = peripherals ?? {};
  const fitting = [...(readers ?? [])].filter(([, { kind }]) => WAY_OF[kind] === way);
  const isAlone = fitting.length === 0 && terminal !== undefined;
  if (way === "tap" && terminal !== undefined && (isAlone || words["reader"] === TERMINAL)) {
    const card = find(words, "card", Object.keys(TERMINAL_CARDS), "card for the terminal");
    if (!card.ok) return card;
    terminal.present(card.value as TerminalCardName);
    return { ok: true, reader: TERMINAL, card: card.value };
  }
  const id = find(
    words,
    "reader",
    fitting.map(([one]) => one),
    `reader to ${way} a card`,
  );
  if (!id.ok) return id;
  const suited = (wallet?.entries() ?? []).filter(({ ways }) => ways.includes(way));
  const named = find(
    words,
    "card",
    suited.map(({ name }) => name),
    `card to ${way}`,
  );
  if (!named.ok) return named;
  const reader = readers?.get(id.value);
  const card = wallet?.card(named.value);
  if (reader === undefined || card === undefined) throw new RangeError(`${id.value} has vanished`);
  if ([...(readers?.values() ?? [])].some((one) => heldBy(one).includes(card.name))) {
    return refuse("refused", "card", `${card.name} is at a reader: remove it first`);
  }
  if (reader.kind === "gempc-twin") reader.slot.insert(card);
  else if (reader.chip.cards().length < 2) reader.chip.present(card);
  else return refuse("refused", "card", "two cards are there: remove them first");
  return { ok: true, reader: id.value, card: card.name };
}

/** From the reader that is named, or from all. */
function remove({ peripherals }: Bench, words: Words): BenchAnswer {
  const { readers, terminal } = peripherals ?? {};
  const known = [...(readers?.keys() ?? []), ...(terminal ? [TERMINAL] : [])];
  const { reader: given } = words;
  const named = given === undefined ? undefined : find(words, "reader", known, "reader");
  if (named?.ok === false) return named;
  const removed: string[] = [];
  for (const [id, reader] of readers ?? []) {
    if (named !== undefined && named.value !== id) continue;
    removed.push(...heldBy(reader));
    if (reader.kind === "pn532") reader.chip.remove();
    else reader.slot.remove();
  }
  if (named === undefined || named.value === TERMINAL) terminal?.takeAway();
  return { ok: true, removed };
}

function press({ board, sim }: Bench, words: Words): BenchAnswer {
  const known = (board.buttons ?? []).map(({ id }) => id);
  const button = find(words, "button", known, "button");
  if (!button.ok) return button;
  sim.controls.press(button.value);
  return { ok: true, button: button.value };
}

function hasLine(part: InterlockPart): part is InterlockPart & { kind: "input" } {
  return part.kind === "input";
}

/** Of the outlet that is named, or of every one that has it. */
function setInterlock({ board, sim }: Bench, words: Words, raised: boolean): BenchAnswer {
  const { outlet: given } = words;
  const ids = board.outlets.map(({ id }) => id);
  const named = given === undefined ? undefined : find(words, "outlet", ids, "outlet");
  if (named?.ok === false) return named;
  const outlets = board.outlets.filter(({ id }) => named === undefined || id === named.value);
  const ofOutlet = outlets.map((one) => (one.interlocks ?? []).filter(hasLine).map(({ id }) => id));
  const interlock = find(
    words,
    "interlock",
    [...new Set(ofOutlet.flat())],
    "interlock with a line",
  );
  if (!interlock.ok) return interlock;
  const those = outlets.filter((_, i) => ofOutlet[i]?.includes(interlock.value));
  for (const { id } of those) sim.controls.setInterlock(id, interlock.value, raised);
  return { ok: true, interlock: interlock.value, raised, outlets: those.map(({ id }) => id) };
}

/** What it can be broken at, on this board. */
export function targetsOf({ board, peripherals }: Bench, { of }: BenchFault): readonly string[] {
  if (of === "sensor")
    return (board.sensors ?? []).filter(({ kind }) => kind !== "input").map(({ id }) => id);
  if (of === "bus") return [...(peripherals?.buses.keys() ?? [])];
  const isMachine = of === "machine";
  return board.outlets
    .filter(({ switch: { kind } }) => (kind === "start-signal") === isMachine)
    .map(({ id }) => id);
}

function setFault(bench: Bench, words: Words, on: boolean): BenchAnswer {
  const known = Object.keys(BENCH_FAULTS);
  const named = find(words, "fault", known, "fault");
  if (!named.ok) return named;
  const fault = BENCH_FAULTS[named.value];
  if (fault === undefined) throw new RangeError(`${named.value} has vanished`);
  const target = find(words, "target", targetsOf(bench, fault), fault.of);
  if (!target.ok) return target;
  fault.set(bench.sim, bench.peripherals, target.value, on);
  return { ok: true, fault: named.value, target: target.value, broken: on };
}

function setPlugged({ peripherals }: Bench, words: Words, plugged: boolean): BenchAnswer {
  const serial = find(words, "serial", [...(peripherals?.plugs().keys() ?? [])], "serial port");
  if (!serial.ok) return serial;
  peripherals?.setPlugged(serial.value, plugged);
  return { ok: true, serial: serial.value, plugged };
}

function setSensor({ board, sim }: Bench, words: Words): BenchAnswer {
  const known = (board.sensors ?? []).filter(({ kind }) => kind !== "input").map(({ id }) => id);
  const sensor = find(words, "sensor", known, "sensor");
  if (!sensor.ok) return sensor;
  const { value } = words;
  if (typeof value !== "number" || !Number.isInteger(value) || Math.abs(value) > VALUE_MAX) {
    return refuse("malformed", "value", `must be a whole number up to ${VALUE_MAX} either way`);
  }
  sim.sensors.fill(sensor.value, value);
  return { ok: true, sensor: sensor.value, value: sim.sensors.level(sensor.value) };
}

function display({ board, peripherals }: Bench): BenchAnswer {
  if (peripherals?.display !== undefined) return { ok: true, rows: peripherals.display.rows() };
  if (board.display?.kind === "terminal") {
    return refuse("refused", undefined, "its display is the terminal in which sluice run runs");
  }
  return refuse("not-found", undefined, "the board has no display");
}

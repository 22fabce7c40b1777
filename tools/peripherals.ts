// One simulated peripheral on a serial port of its own, for any program that speaks its protocol, and what a person may
// do to it by hand.

import { randomInt } from "node:crypto";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Clock } from "../hal/clock.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import type { SerialPort } from "../hal/serial.ts";
import { seededRandom } from "../hal/sim/random.ts";
import type { SimCard } from "../hal/sim/sim-card.ts";
import { type Paper, simEscpos } from "../hal/sim/sim-escpos.ts";
import { simGempc } from "../hal/sim/sim-gempc.ts";
import { simLcd } from "../hal/sim/sim-lcd.ts";
import { simModbus } from "../hal/sim/sim-modbus.ts";
import { SIM_MODBUS_METERS } from "../hal/sim/sim-modbus-meters.ts";
import { simPn532 } from "../hal/sim/sim-pn532.ts";
import { simStore } from "../hal/sim/sim-store.ts";
import { openSimTerminal, TERMINAL_CARDS, type TerminalCardName } from "../hal/sim/sim-terminal.ts";
import { simWallet } from "../hal/sim/sim-wallet.ts";
import { didYouMean } from "./did-you-mean.ts";

export interface PeripheralSettings {
  clock: Clock;
  /** Of a meter: W, or litres an hour. */
  rate: number;
  /** Of a meter on the bus. */
  address: number;
}

export interface Peripheral {
  /** Takes hold of the line, also when it is plugged in again. */
  attach(port: SerialPort): void;
  /** Says what was done. Errors: `usage`, `not-found`, `refused`. */
  obey(words: readonly string[]): Result<string>;
  /** What it accepts, for people. */
  verbs: readonly string[];
  /** Lines on what has changed since it was last asked. */
  news(): readonly string[];
}

const LCD = { columns: 20, rows: 4 };
const MS_PER_HOUR = 3_600_000;

/** On Modbus RTU. */
export const METERS: readonly string[] = Object.keys(SIM_MODBUS_METERS);

export const PERIPHERALS: readonly string[] = [
  ...["pn532", "gempc-twin", "terminal", "lcd", "escpos"],
  ...METERS,
];

/** Error: `usage` for a kind that there is none of. */
export async function openPeripheral(
  kind: string,
  settings: PeripheralSettings,
): Promise<Result<Peripheral>> {
  switch (kind) {
    case "pn532":
      return ok(contactless(settings.clock));
    case "gempc-twin":
      return ok(chipReader(settings.clock));
    case "terminal":
      return ok(await cardTerminal(settings.clock));
    case "lcd":
      return ok(display());
    case "escpos":
      return ok(printer());
    default: {
      if (Object.hasOwn(SIM_MODBUS_METERS, kind)) return ok(meter(kind, settings));
      const words = `there is no peripheral ${kind}${didYouMean(kind, PERIPHERALS)}; there is ${PERIPHERALS.join(", ")}`;
      return fail("usage", words);
    }
  }
}

/** Cards as new, whose counters nobody has seen. */
function cardsFor(way: "tap" | "insert"): (name: string | undefined) => Result<SimCard> {
  const kept = new Map<string, string>();
  const wallet = simWallet({
    kept: { read: (name) => kept.get(name), write: (name, text) => kept.set(name, text) },
    crypto: openNodeCrypto(),
  });
  const fitting = wallet.entries().filter(({ ways }) => ways.includes(way));
  const names = fitting.map(({ name }) => name);
  return (name = "") => {
    const card = names.includes(name) ? wallet.card(name) : undefined;
    if (card !== undefined) return ok(card);
    const words = `there is no card ${name} to ${way}${didYouMean(name, names)}; there is ${names.join(", ")}`;
    return fail("not-found", words);
  };
}

function unknown(verbs: readonly string[]): Result<never> {
  return fail("usage", `it takes ${verbs.join(", ")}`);
}

function contactless(clock: Clock): Peripheral {
  const chip = simPn532(clock);
  const find = cardsFor("tap");
  const verbs = ["tap CARD", "remove"];
  return {
    verbs,
    attach: (port) => chip.attach(port),
    obey: ([verb, name]) => {
      if (verb === "remove") {
        chip.remove();
        return ok("the field is empty");
      }
      if (verb !== "tap") return unknown(verbs);
      const card = find(name);
      if (!card.ok) return card;
      if (chip.cards().length > 1) return fail("refused", "two cards are there: remove them first");
      chip.present(card.value);
      return ok(`${card.value.name} is in the field`);
    },
    news: () => [],
  };
}

function chipReader(clock: Clock): Peripheral {
  const slot = simGempc(clock);
  const find = cardsFor("insert");
  const verbs = ["insert CARD", "remove"];
  return {
    verbs,
    attach: (port) => slot.attach(port),
    obey: ([verb, name]) => {
      if (verb === "remove") {
        slot.remove();
        return ok("the slot is empty");
      }
      if (verb !== "insert") return unknown(verbs);
      const card = find(name);
      if (!card.ok) return card;
      slot.insert(card.value);
      return ok(`${card.value.name} is in the slot`);
    },
    news: () => [],
  };
}

async function cardTerminal(clock: Clock): Promise<Peripheral> {
  const terminal = await openSimTerminal({ store: simStore().store(), clock });
  const verbs = ["tap CARD", "remove", "cancel"];
  const names = Object.keys(TERMINAL_CARDS);
  let shown = "";
  return {
    verbs,
    attach: (port) => terminal.plug(port),
    obey: ([verb, name = ""]) => {
      if (verb === "remove") terminal.takeAway();
      else if (verb === "cancel") terminal.pressCancel();
      else if (verb !== "tap") return unknown(verbs);
      else if (names.includes(name)) terminal.present(name as TerminalCardName);
      else return fail("not-found", `there is no card ${name}; there is ${names.join(", ")}`);
      return ok(verb === "tap" ? `${name} is held before it` : "done");
    },
    news: () => {
      const screen = terminal.screen();
      const isNew = screen !== shown;
      shown = screen;
      return isNew && screen !== "" ? [`it shows: ${screen}`] : [];
    },
  };
}

function display(): Peripheral {
  let lcd: ReturnType<typeof simLcd> | undefined;
  let shown = "";
  return {
    verbs: [],
    attach: (port) => {
      lcd ??= simLcd(port, LCD);
    },
    obey: () => fail("usage", "it only shows what it is told"),
    news: () => {
      const rows = (lcd?.rows() ?? []).map((row) => `| ${row.padEnd(LCD.columns)} |`);
      const isNew = rows.join() !== shown;
      shown = rows.join();
      return isNew ? ["it shows:", ...rows] : [];
    },
  };
}

function printer(): Peripheral {
  let paper: ReturnType<typeof simEscpos> | undefined;
  let last: Paper | undefined;
  return {
    verbs: [],
    attach: (port) => {
      paper ??= simEscpos(port);
    },
    obey: () => fail("usage", "it only prints what it is told"),
    news: () => {
      const papers = paper?.papers() ?? [];
      const fresh = papers.slice(papers.indexOf(last as Paper) + 1);
      last = papers.at(-1);
      return fresh.flatMap(({ lines, codes }) => [
        ...["it printed:", ...lines],
        ...codes.map((code) => `[QR code] ${code}`),
      ]);
    },
  };
}

function meter(model: string, { clock, rate: first, address }: PeripheralSettings): Peripheral {
  let rate = first;
  let before = 0;
  let sinceMs = clock.monotonicMs();
  const total = (): number => before + (rate * (clock.monotonicMs() - sinceMs)) / MS_PER_HOUR;
  const unit = SIM_MODBUS_METERS[model]?.(address, { total, rate: () => rate });
  let bus: ReturnType<typeof simModbus> | undefined;
  let heard = 0;
  const verbs = ["rate NUMBER"];
  return {
    verbs,
    attach: (port) => {
      const units = unit === undefined ? [] : [unit];
      const random = seededRandom(randomInt(2 ** 31), "peripheral");
      bus ??= simModbus(port, { framing: "rtu", units, clock, random });
    },
    obey: ([verb, value = ""]) => {
      if (verb !== "rate" || !/^\d{1,7}$/.test(value)) return unknown(verbs);
      before = total();
      sinceMs = clock.monotonicMs();
      rate = Number(value);
      return ok(`it measures ${rate} now`);
    },
    news: () => {
      const requests = bus?.requests() ?? 0;
      const isFirst = heard === 0 && requests > 0;
      heard = requests;
      return isFirst ? ["it was asked for the first time"] : [];
    },
  };
}

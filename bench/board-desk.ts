// What hangs on a virtual board and what people do there, in virtual time: every peripheral on a cable of its own with
// the real driver at our end, cards in the hands of those who stand there. All of it outlives the device's power.

import type { HostConfig } from "../firmware/config.ts";
import type { BoardDesk } from "../firmware/producer/walk-up.ts";
import { cardTokenKey } from "../firmware/token/card-token-key.ts";
import type { Board, ReaderPart } from "../hal/board.ts";
import type { CardReader, CardReaderSetup } from "../hal/card-reader.ts";
import type { Clock } from "../hal/clock.ts";
import type { Display } from "../hal/display.ts";
import { openEscposPrinter } from "../hal/drivers/escpos-printer.ts";
import { openGempcReader } from "../hal/drivers/gempc-reader.ts";
import { openLcdDisplay } from "../hal/drivers/lcd-display.ts";
import { type ModbusBuses, openModbusBuses } from "../hal/drivers/modbus-buses.ts";
import { openPn532Reader } from "../hal/drivers/pn532-reader.ts";
import { openTerminalHost } from "../hal/drivers/terminal-host.ts";
import type { Entropy } from "../hal/entropy.ts";
import type { PaymentHost } from "../hal/payment-host.ts";
import type { Printer } from "../hal/printer.ts";
import type { Paper } from "../hal/sim/sim-escpos.ts";
import { openSimPeripherals, type SimPeripherals } from "../hal/sim/sim-peripherals.ts";
import { type SimStore, simStore } from "../hal/sim/sim-store.ts";
import { type SimWallet, simWallet } from "../hal/sim/sim-wallet.ts";
import type { SimProcess } from "../hal/sim/world.ts";
import { type BoardCables, boardCables } from "./board-cables.ts";
import { crypto, type Site } from "./site.ts";
import type { SiteOptions } from "./site-options.ts";

/** ISO 3166 numeric: where a bench stands. */
const COUNTRY_CODE = 276;

export interface BoardNews {
  /** What the device wants to stand on its display. */
  shown(lines: readonly string[]): void;
  /** A receipt was cut off the paper. */
  printed(lines: readonly string[]): void;
}

/** Ports of one life of the device. */
interface Life {
  site: Site;
  clock: Clock;
  entropy: Entropy;
  alive: () => boolean;
}

export class BoardThings {
  readonly wallet: SimWallet;
  #peripherals: SimPeripherals | undefined;
  /** The journal of the card terminal. */
  readonly terminalStore: SimStore = simStore();
  /** On a display that is the terminal of a program. */
  page: readonly string[] = [];
  readonly #board: Board;
  readonly #host: HostConfig;
  readonly #news: BoardNews;
  #cables: BoardCables | undefined;
  #buses: { clock: Clock; opened: ModbusBuses } | undefined;
  #lastPaper: Paper | undefined;

  constructor(board: Board, host: HostConfig, news: BoardNews) {
    this.#board = board;
    this.#host = host;
    this.#news = news;
    const plastic = new Map<string, string>();
    this.wallet = simWallet({
      kept: { read: (name) => plastic.get(name), write: (name, text) => plastic.set(name, text) },
      crypto,
    });
  }

  /** Hangs everything on the board, before it has power. */
  async fit({ world, board: { metal, sensors } }: Site): Promise<void> {
    const cables = boardCables(world, this.#board);
    this.#cables = cables;
    this.#peripherals = await openSimPeripherals({
      ...{ world, metal, sensors, clock: world.clock, board: this.#board },
      openWire: (serial) => cables.wire(serial),
      openStore: async () => this.terminalStore.store(),
      // The bench reads its sensors where they are.
      writeSensor: () => undefined,
    });
  }

  /** There once `fit` has resolved. */
  get peripherals(): SimPeripherals {
    if (this.#peripherals === undefined) throw new Error("assertion failed: fit comes first");
    return this.#peripherals;
  }

  /** For SiteOptions: what a board with nothing for people leaves out. */
  options(): Pick<SiteOptions, "boardDesk" | "openMeter" | "wrapHost"> {
    const { readers = [], buttons = [], display, printer, outlets } = this.#board;
    const isForPeople =
      readers.length + buttons.length > 0 || display !== undefined || printer !== undefined;
    const hasBus = outlets.some(({ meters }) => meters.some(({ kind }) => kind === "modbus"));
    const host = this.#host;
    return {
      ...(isForPeople && { boardDesk: (life) => this.#openDesk(life) }),
      ...(hasBus && { openMeter: (part, clock) => this.#busesOf(clock).meter(part) }),
      ...(host.kind === "terminal" && {
        wrapHost: (simulated, { process }) => this.#openTerminal(host.serial, simulated, process),
      }),
    };
  }

  #opener(serial: string, alive: () => boolean) {
    if (this.#cables === undefined) throw new Error("assertion failed: fit comes first");
    return this.#cables.open(serial, alive);
  }

  #openDesk(life: Life): BoardDesk {
    const { readers = [], buttons = [], display, printer } = this.#board;
    return {
      readers: readers.map((part) => this.#openReader(part, life)),
      ...{ left: new Map(), buttons, hostAsks: this.#host.kind === "terminal" },
      ...(display && { display: this.#openDisplay(display, life) }),
      ...(printer && { printer: this.#openPrinter(printer, life) }),
    };
  }

  #openReader({ id, kind, serial }: ReaderPart, life: Life): CardReader {
    const { site, clock, entropy, alive } = life;
    const setup: CardReaderSetup = {
      id,
      hostKey: site.host.publicKey,
      tokenKey: cardTokenKey(crypto, site.secrets.signSeed),
      countryCode: COUNTRY_CODE,
    };
    const ports = { clock, crypto, entropy };
    const open = this.#opener(serial, alive);
    return kind === "pn532"
      ? openPn532Reader(open, ports, setup)
      : openGempcReader(open, ports, setup);
  }

  #openDisplay(part: NonNullable<Board["display"]>, { clock, alive }: Life): Display {
    const real =
      part.kind === "lcd"
        ? openLcdDisplay(this.#opener(part.serial, alive), clock, part)
        : undefined;
    return {
      showsCodes: real?.showsCodes ?? true,
      show: (page) => {
        this.page = page.lines;
        this.#news.shown(page.lines);
        real?.show(page);
      },
      close: async () => real?.close(),
    };
  }

  #openPrinter(part: NonNullable<Board["printer"]>, { clock, alive }: Life): Printer {
    const real = openEscposPrinter(this.#opener(part.serial, alive), clock, part);
    return {
      print: async (receipt) => {
        const done = await real.print(receipt);
        this.#lookAtPaper();
        return done;
      },
      close: () => real.close(),
    };
  }

  #lookAtPaper(): void {
    const papers = this.peripherals.printer?.papers() ?? [];
    const last = papers.at(-1);
    if (last !== undefined && last !== this.#lastPaper) this.#news.printed(last.lines);
    this.#lastPaper = last;
  }

  #openTerminal(serial: string, { publicKey }: PaymentHost, process: SimProcess): PaymentHost {
    const open = this.#opener(serial, process.alive);
    return openTerminalHost({ open, clock: process.clock, publicKey, simulated: true });
  }

  /** Each process of the loop opens its buses once, and is known by its clock. */
  #busesOf(clock: Clock): ModbusBuses {
    if (this.#buses?.clock === clock) return this.#buses.opened;
    const reach = (bus: string) => ({
      open: this.#opener(bus, () => this.#buses?.clock === clock),
      framing: "rtu" as const,
    });
    const opened = openModbusBuses(reach, clock);
    this.#buses = { clock, opened };
    return opened;
  }
}

// A desk of readers, a display and a printer that no board file describes, at any board: the real drivers, and at the other
// end of each cable the simulated peripheral, into whose hands a test gives cards of its own making. BoardThings of the bench
// fits what the board says, with cards of its wallet; here a test chooses what is fitted, and sees each page with its time.

import { type BoardCables, boardCables } from "../../bench/board-cables.ts";
import { crypto } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { BoardDesk } from "../../firmware/producer/walk-up.ts";
import type { CardReaderSetup } from "../../hal/card-reader.ts";
import type { DisplayPage } from "../../hal/display.ts";
import { openEscposPrinter } from "../../hal/drivers/escpos-printer.ts";
import { openGempcReader } from "../../hal/drivers/gempc-reader.ts";
import { openPn532Reader } from "../../hal/drivers/pn532-reader.ts";
import type { SerialPort } from "../../hal/serial.ts";
import { type Paper, type SimEscpos, simEscpos } from "../../hal/sim/sim-escpos.ts";
import { type SimGempc, simGempc } from "../../hal/sim/sim-gempc.ts";
import { type SimPn532, simPn532 } from "../../hal/sim/sim-pn532.ts";
import type { SimWorld } from "../../hal/sim/world.ts";

/** A cable that can be pulled, and plugged in again. */
export interface Plug {
  pull(): void;
  plug(): void;
}

/** Its serial ports alone: the readers and the printer that may hang there. */
const PORTS = {
  name: "desk",
  serial: {
    contactless: { path: "", settings: { baud: 115_200 } },
    chip: { path: "", settings: { baud: 115_200 } },
    printer: { path: "", settings: { baud: 19_200 } },
  },
} as const;

export interface DeskBenchOptions {
  /** Nothing but these: readers by their kind, and what else is fitted. All of it where nothing is said. */
  readers?: readonly ("contactless" | "chip")[];
  hasDisplay?: boolean;
  hasPrinter?: boolean;
  hostAsks?: boolean;
}

export class DeskBench {
  readonly pages: (DisplayPage & { atMs: number })[] = [];
  readonly #options: Required<DeskBenchOptions>;
  chip!: SimPn532;
  twin!: SimGempc;
  contactless!: Plug;
  contact!: Plug;
  printing!: Plug;
  #cables: BoardCables | undefined;
  #printer: SimEscpos | undefined;

  constructor(options: DeskBenchOptions = {}) {
    const all = { readers: ["contactless", "chip"] as const, hasDisplay: true, hasPrinter: true };
    this.#options = { ...all, hostAsks: false, ...options };
  }

  /** For SiteOptions. */
  readonly open: NonNullable<SiteOptions["boardDesk"]> = ({
    site,
    clock,
    entropy,
    alive,
  }): BoardDesk => {
    const { world, host } = site;
    const cables = this.#cables ?? this.#build(world);
    const ports = { clock, crypto, entropy };
    const setup = (id: string): CardReaderSetup => ({
      id,
      hostKey: host.publicKey,
      tokenKey: new Uint8Array(32).fill(9),
      countryCode: 276,
    });
    const { readers, hasDisplay, hasPrinter, hostAsks } = this.#options;
    const open = {
      contactless: () =>
        openPn532Reader(cables.open("contactless", alive), ports, setup("contactless")),
      chip: () => openGempcReader(cables.open("chip", alive), ports, setup("chip")),
    };
    const show = (page: DisplayPage): void => {
      this.pages.push({ ...page, atMs: world.nowMs() });
    };
    return {
      readers: readers.map((reader) => open[reader]()),
      ...{ left: new Map(), buttons: site.options.board?.buttons ?? [] },
      ...(hasDisplay && { display: { showsCodes: true, show, close: async () => {} } }),
      ...(hasPrinter && {
        printer: openEscposPrinter(cables.open("printer", alive), clock, { columns: 32 }),
      }),
      hostAsks,
    };
  };

  #build(world: SimWorld): BoardCables {
    const cables = boardCables(world, PORTS);
    this.#cables = cables;
    const hang = (serial: keyof typeof PORTS.serial, attach: (port: SerialPort) => void): Plug => {
      const { port, setPlugged } = cables.wire(serial);
      attach(port);
      return { pull: () => setPlugged(false), plug: () => setPlugged(true) };
    };
    this.chip = simPn532(world.clock);
    this.twin = simGempc(world.clock);
    this.contactless = hang("contactless", (port) => this.chip.attach(port));
    this.contact = hang("chip", (port) => this.twin.attach(port));
    this.printing = hang("printer", (port) => {
      this.#printer = simEscpos(port);
    });
    return cables;
  }

  /** What stood on the display so far, a page a line. */
  shown(): string[] {
    return this.pages.map(({ lines }) => lines.join(" | "));
  }

  /** The page that stands there now. */
  page(): string {
    return this.shown().at(-1) ?? "";
  }

  /** All that was printed, line by line. */
  papers(): readonly Paper[] {
    return this.#printer?.papers() ?? [];
  }
}

// A board with readers, a display and a printer in virtual time: the real drivers, and at the other end of each cable
// the simulated peripheral, which outlives the device's power.

import { crypto } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { BoardDesk } from "../../firmware/producer/walk-up.ts";
import type { CardReaderSetup } from "../../hal/card-reader.ts";
import type { DisplayPage } from "../../hal/display.ts";
import { openEscposPrinter } from "../../hal/drivers/escpos-printer.ts";
import { openGempcReader } from "../../hal/drivers/gempc-reader.ts";
import { openPn532Reader } from "../../hal/drivers/pn532-reader.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { OpenSerial, SerialPort } from "../../hal/serial.ts";
import { type Paper, type SimEscpos, simEscpos } from "../../hal/sim/sim-escpos.ts";
import { type SimGempc, simGempc } from "../../hal/sim/sim-gempc.ts";
import { type SimPn532, simPn532 } from "../../hal/sim/sim-pn532.ts";
import { type SimSerial, simSerial } from "../../hal/sim/sim-serial.ts";
import type { SimWorld } from "../../hal/sim/world.ts";

/** A cable that can be pulled, and plugged in again. */
export interface Plug {
  open: OpenSerial;
  pull(): void;
  plug(): void;
}

function plugOf(world: SimWorld, baud: number, attach: (port: SerialPort) => void): Plug {
  let cable: SimSerial | undefined;
  let isPlugged = true;
  return {
    open: async () => {
      if (!isPlugged) throw new HalError("disconnected", "there is no such port");
      cable?.unplug();
      cable = simSerial(world, { baud });
      attach(cable.b);
      return cable.a;
    },
    pull: () => {
      isPlugged = false;
      cable?.unplug();
    },
    plug: () => {
      isPlugged = true;
    },
  };
}

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
  readonly #printers: SimEscpos[] = [];

  constructor(options: DeskBenchOptions = {}) {
    const all = { readers: ["contactless", "chip"] as const, hasDisplay: true, hasPrinter: true };
    this.#options = { ...all, hostAsks: false, ...options };
  }

  /** For SiteOptions. */
  readonly open: NonNullable<SiteOptions["boardDesk"]> = ({ site, clock, entropy }): BoardDesk => {
    const { world, host } = site;
    if (this.contactless === undefined) this.#build(world);
    const ports = { clock, crypto, entropy };
    const setup = (id: string): CardReaderSetup => ({
      id,
      hostKey: host.publicKey,
      tokenKey: new Uint8Array(32).fill(9),
      countryCode: 276,
    });
    const { readers, hasDisplay, hasPrinter, hostAsks } = this.#options;
    const open = {
      contactless: () => openPn532Reader(this.contactless.open, ports, setup("contactless")),
      chip: () => openGempcReader(this.contact.open, ports, setup("chip")),
    };
    const show = (page: DisplayPage): void => {
      this.pages.push({ ...page, atMs: world.nowMs() });
    };
    return {
      readers: readers.map((reader) => open[reader]()),
      ...{ left: new Map(), buttons: site.options.board?.buttons ?? [] },
      ...(hasDisplay && { display: { showsCodes: true, show, close: async () => {} } }),
      ...(hasPrinter && {
        printer: openEscposPrinter(this.printing.open, clock, { columns: 32 }),
      }),
      hostAsks,
    };
  };

  #build(world: SimWorld): void {
    this.chip = simPn532(world.clock);
    this.twin = simGempc(world.clock);
    this.contactless = plugOf(world, 115_200, (port) => this.chip.attach(port));
    this.contact = plugOf(world, 115_200, (port) => this.twin.attach(port));
    this.printing = plugOf(world, 19_200, (port) => {
      this.#printers.push(simEscpos(port));
    });
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
    return this.#printers.flatMap((printer) => printer.papers());
  }
}

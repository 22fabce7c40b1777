// Opens what a board has for the people who stand at it: card readers, buttons, display and printer. All of it belongs
// to the device's process; what is not there does not keep the device from selling in other ways.

import type { Board, ReaderPart } from "../hal/board.ts";
import type { CardReader, CardReaderSetup } from "../hal/card-reader.ts";
import type { Clock } from "../hal/clock.ts";
import type { Crypto } from "../hal/crypto.ts";
import type { Display } from "../hal/display.ts";
import type { Entropy } from "../hal/entropy.ts";
import type { Printer } from "../hal/printer.ts";
import type { OpenSerial } from "../hal/serial.ts";
import { serialPath } from "../hal/serial-paths.ts";
import { assert } from "./assert.ts";
import type { HostConfig } from "./config.ts";
import type { BoardDesk } from "./producer/walk-up.ts";
import { cardTokenKey } from "./token/card-token-key.ts";

export interface DeskPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
  /** Closes what was opened, in the end. */
  keep<T extends { close(): Promise<void> }>(one: T): T;
}

export interface DeskPlace {
  board: Board;
  /** The data folder. */
  data: string;
  keys: {
    /** The device's own secret, from which the key of card tokens is made. */
    signSeed: Uint8Array;
    /** X25519 secret of the payment host, to whose public key cards are sealed. */
    host: Uint8Array;
  };
  /** ISO 3166 numeric. */
  countryCode: number;
  /** A terminal has a reader of its own. */
  host: HostConfig["kind"];
  /** Writes what a display shows that is the terminal of the program. */
  show(text: string): void;
}

/** Undefined for a board that has nothing for people. */
export async function openBoardDesk(
  ports: DeskPorts,
  place: DeskPlace,
): Promise<BoardDesk | undefined> {
  const { board } = place;
  const { readers: parts = [], buttons = [], display, printer } = board;
  if (parts.length + buttons.length === 0 && display === undefined && printer === undefined) {
    return undefined;
  }
  const readers = await Promise.all(parts.map((part) => openReader(ports, place, part)));
  const shown = display === undefined ? undefined : await openDisplay(ports, place, display);
  const printed = printer === undefined ? undefined : await openPrinter(ports, place, printer);
  return {
    ...{ readers, left: new Map(), buttons },
    hostAsks: place.host === "terminal",
    ...(shown !== undefined && { display: shown }),
    ...(printed !== undefined && { printer: printed }),
  };
}

/** A serial port of the board by its name; undefined where it has none of that name. */
export function serialOf(board: Board, data: string): (name: string) => OpenSerial | undefined {
  return (name) => {
    const part = board.serial?.[name];
    const path = serialPath(board, name, data);
    if (part === undefined || path === undefined) return undefined;
    return async () => {
      const { openSerialPort } = await import("../hal/linux/serial-port.ts");
      return openSerialPort({ path, settings: part.settings })();
    };
  };
}

function opener({ board, data }: DeskPlace, name: string): OpenSerial {
  const open = serialOf(board, data)(name);
  assert(open !== undefined, "a board has the serial ports that it names");
  return open;
}

async function openReader(
  ports: DeskPorts,
  place: DeskPlace,
  part: ReaderPart,
): Promise<CardReader> {
  const open = opener(place, part.serial);
  const setup: CardReaderSetup = {
    id: part.id,
    hostKey: ports.crypto.boxPublicKey(place.keys.host),
    tokenKey: cardTokenKey(ports.crypto, place.keys.signSeed),
    countryCode: place.countryCode,
  };
  switch (part.kind) {
    case "pn532": {
      const { openPn532Reader } = await import("../hal/drivers/pn532-reader.ts");
      return ports.keep(openPn532Reader(open, ports, setup));
    }
    case "gempc-twin": {
      const { openGempcReader } = await import("../hal/drivers/gempc-reader.ts");
      return ports.keep(openGempcReader(open, ports, setup));
    }
  }
}

async function openDisplay(
  ports: DeskPorts,
  place: DeskPlace,
  part: NonNullable<Board["display"]>,
): Promise<Display> {
  if (part.kind === "terminal") {
    const { openTerminalDisplay } = await import("../hal/linux/terminal-display.ts");
    return ports.keep(openTerminalDisplay((text) => place.show(text)));
  }
  const { openLcdDisplay } = await import("../hal/drivers/lcd-display.ts");
  return ports.keep(openLcdDisplay(opener(place, part.serial), ports.clock, part));
}

async function openPrinter(
  ports: DeskPorts,
  place: DeskPlace,
  part: NonNullable<Board["printer"]>,
): Promise<Printer> {
  const { openEscposPrinter } = await import("../hal/drivers/escpos-printer.ts");
  return ports.keep(openEscposPrinter(opener(place, part.serial), ports.clock, part));
}

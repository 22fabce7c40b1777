// The serial cables of a virtual board in virtual time: at the far end of each hangs a simulated peripheral for as long as
// the bench runs, at the near one the driver that opened it last. Cables can be pulled, and plugged in again.

import type { Board } from "../hal/board.ts";
import { HalError } from "../hal/hal-error.ts";
import type { OpenSerial, SerialPort } from "../hal/serial.ts";
import type { SimWire } from "../hal/sim/sim-peripherals.ts";
import { type SimSerial, simSerial } from "../hal/sim/sim-serial.ts";
import type { SimWorld } from "../hal/sim/world.ts";

export interface BoardCables {
  /** For the peripheral. */
  wire(serial: string): SimWire;
  /** For a driver of a program that may die: a dead one writes and hears nothing any more. */
  open(serial: string, alive: () => boolean): OpenSerial;
}

export function boardCables(world: SimWorld, board: Pick<Board, "name" | "serial">): BoardCables {
  const cables = new Map<string, Cable>();
  const cableOf = (serial: string): Cable => {
    const known = cables.get(serial);
    if (known !== undefined) return known;
    const part = board.serial?.[serial];
    if (part === undefined)
      throw new RangeError(`board ${board.name} has no serial port ${serial}`);
    const made = new Cable(world, part.settings.baud);
    cables.set(serial, made);
    return made;
  };
  return {
    wire: (serial) => cableOf(serial).wire,
    open: (serial, alive) => {
      const cable = cableOf(serial);
      return () => cable.open(alive);
    },
  };
}

class Cable {
  readonly #world: SimWorld;
  readonly #baud: number;
  #line: SimSerial | undefined;
  #isPlugged = true;
  #farListener: ((bytes: Uint8Array) => void) | undefined;

  constructor(world: SimWorld, baud: number) {
    this.#world = world;
    this.#baud = baud;
  }

  /** The far end stays whoever opens the near one; what is written to nobody is lost. */
  readonly wire: SimWire = {
    port: {
      write: async (bytes) => {
        await this.#line?.b.write(bytes).catch(lostBytes);
      },
      onData: (listener) => {
        this.#farListener = listener;
        this.#line?.b.onData(listener);
      },
      onLost: () => undefined,
      close: async () => this.#line?.unplug(),
    },
    setPlugged: (plugged) => {
      this.#isPlugged = plugged;
      if (!plugged) this.#line?.unplug();
    },
  };

  async open(alive: () => boolean): Promise<SerialPort> {
    if (!this.#isPlugged) throw new HalError("disconnected", "the cable is not plugged in");
    this.#line?.unplug();
    const line = simSerial(this.#world, { baud: this.#baud, joined: true });
    this.#line = line;
    if (this.#farListener !== undefined) line.b.onData(this.#farListener);
    return {
      ...line.a,
      write: (bytes) => (alive() ? line.a.write(bytes) : new Promise(() => undefined)),
      onData: (listener) => {
        line.a.onData((bytes) => {
          if (alive()) listener(bytes);
        });
      },
    };
  }
}

/** A peripheral does not hear that nobody listens. */
function lostBytes(error: unknown): void {
  if (!(error instanceof HalError)) throw error;
}

// A simulated chip reader on a simulated cable in virtual time, and its driver at the other end; the line between them
// can be spoilt, and pulled out.

import type { CardReader } from "../../hal/card-reader.ts";
import { openGempcReader } from "../../hal/drivers/gempc-reader.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { OpenSerial, SerialPort } from "../../hal/serial.ts";
import { type SimGempc, simGempc } from "../../hal/sim/sim-gempc.ts";
import { type SimSerial, simSerial } from "../../hal/sim/sim-serial.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";

const BAUD = 115_200;
export const HOST_SECRET = new Uint8Array(32).fill(9);
export const crypto = openNaclCrypto();

export interface GempcBench {
  world: SimWorld;
  twin: SimGempc;
  open: OpenSerial;
  /** Every byte that came to the reader so far. */
  heard: number[];
  /** Cable and power. */
  unplug(): void;
  plug(): void;
}

/** `between` may spoil what crosses: it gets the driver's end of the cable, and gives it on. */
export function gempcBench(
  seed = 1,
  between: (port: SerialPort, world: SimWorld) => SerialPort = (port) => port,
): GempcBench {
  const world = simWorld({ seed });
  const twin = simGempc(world.clock);
  const heard: number[] = [];
  let cable: SimSerial | undefined;
  let isPlugged = true;
  const overheard = (port: SerialPort): SerialPort => ({
    ...port,
    onData: (listener) =>
      port.onData((bytes) => {
        heard.push(...bytes);
        listener(bytes);
      }),
  });
  return {
    ...{ world, twin, heard },
    open: async () => {
      if (!isPlugged) throw new HalError("disconnected", "there is no such port: plug it in");
      cable = simSerial(world, { baud: BAUD });
      twin.attach(overheard(cable.b));
      return between(cable.a, world);
    },
    unplug: () => {
      isPlugged = false;
      cable?.unplug();
    },
    plug: () => {
      isPlugged = true;
    },
  };
}

export function gempcReader({ world, open }: GempcBench): CardReader {
  return openGempcReader(
    open,
    { clock: world.clock, crypto, entropy: world.entropy("reader") },
    {
      id: "chip",
      hostKey: crypto.boxPublicKey(HOST_SECRET),
      tokenKey: new Uint8Array(32).fill(7),
      countryCode: 276,
    },
  );
}

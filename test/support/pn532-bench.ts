// A simulated PN532 on a simulated cable, in virtual time: bytes by hand, or the reader's driver at its other end.

import { toHex } from "../../firmware/bytes.ts";
import type { CardReader } from "../../hal/card-reader.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { openPn532Reader } from "../../hal/drivers/pn532-reader.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { OpenSerial, SerialPort } from "../../hal/serial.ts";
import { type SimPn532, simPn532 } from "../../hal/sim/sim-pn532.ts";
import { answerFrame, CHIP_ACK, hostBytes } from "../../hal/sim/sim-pn532-frame.ts";
import { type SimSerial, simSerial } from "../../hal/sim/sim-serial.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";

const PN532_BAUD = 115_200;
export const HOST_SECRET = new Uint8Array(32).fill(9);
export const crypto = openNaclCrypto();

export interface Pn532Bench {
  world: SimWorld;
  chip: SimPn532;
  open: OpenSerial;
  /** Cable and power. */
  unplug(): void;
  plug(): void;
}

/** `between` may spoil what crosses: it gets both ends of the cable, and gives them on. */
export function pn532Bench(
  seed = 1,
  between: (port: SerialPort, world: SimWorld) => SerialPort = (port) => port,
): Pn532Bench {
  const world = simWorld({ seed });
  const chip = simPn532(world.clock);
  let cable: SimSerial | undefined;
  let isPlugged = true;
  return {
    world,
    chip,
    open: async () => {
      if (!isPlugged) throw new HalError("disconnected", "there is no such port: plug it in");
      cable = simSerial(world, { baud: PN532_BAUD });
      chip.attach(cable.b);
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

export function pn532Reader({ world, open }: Pn532Bench): CardReader {
  return openPn532Reader(
    open,
    { clock: world.clock, crypto, entropy: world.entropy("reader") },
    {
      id: "tap",
      hostKey: crypto.boxPublicKey(HOST_SECRET),
      tokenKey: new Uint8Array(32).fill(7),
      countryCode: 276,
    },
  );
}

/** Lets time go by until the promise settles; fails when it has not within `limitMs`. */
export async function settled<T>(
  world: SimWorld,
  promise: Promise<T>,
  limitMs: number,
): Promise<T> {
  let done = false;
  const ending = promise.finally(() => {
    done = true;
  });
  // Whoever awaits it below hears of a rejection.
  ending.catch(() => {});
  if (!(await world.runWhile(() => !done, limitMs))) throw new Error(`no answer in ${limitMs} ms`);
  return ending;
}

/** A chip that answers as it is told: `answer` gets the command, and says what follows the answer code. */
export function puppet(answer: (data: readonly number[]) => readonly number[] | undefined) {
  const world = simWorld({ seed: 1 });
  const asked: string[] = [];
  const open = async (): Promise<SerialPort> => {
    const cable = simSerial(world, { baud: 115_200 });
    const bytes = hostBytes(
      (frame) => {
        if (frame.kind !== "command") return;
        asked.push(toHex(Uint8Array.from(frame.data)));
        const said = answer(frame.data);
        const code = ((frame.data[0] ?? 0) + 1) & 0xff;
        const words =
          said === undefined ? CHIP_ACK : [...CHIP_ACK, ...answerFrame([code, ...said])];
        void cable.b.write(Uint8Array.from(words)).catch(() => {});
      },
      () => {},
    );
    cable.b.onData((some) => {
      for (const byte of some) bytes.take(byte);
    });
    return cable.a;
  };
  return { world, open, asked };
}

/** As a chip that is well says it, with this list of targets. */
export function well(data: readonly number[], targets: readonly number[] = [0]): readonly number[] {
  if (data[0] === 0x02) return [0x32, 0x01, 0x06, 0x07];
  if (data[0] === 0x00) return [0x00, ...data.slice(2)];
  return data[0] === 0x4a ? targets : [0x00];
}

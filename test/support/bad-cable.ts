// A serial cable that spoils what crosses it, either way, as a test tells it and a seed decides.

import type { SerialPort } from "../../hal/serial.ts";
import type { SimWorld } from "../../hal/sim/world.ts";

export interface CableFaults {
  /** Bytes in a million with one bit turned round, and bytes in a million that are lost. */
  flips: number;
  losses: number;
  /** Bytes are held back for up to so long, and then come all at once. */
  joinMs: number;
  /** What is sent comes back. */
  echoes: boolean;
  /** Nothing crosses. */
  silent: boolean;
}

export const GOOD_CABLE: CableFaults = {
  ...{ flips: 0, losses: 0, joinMs: 0, echoes: false, silent: false },
};

/** The end `port` of a cable; `faults` is looked at for each byte. */
export function badCable(port: SerialPort, world: SimWorld, faults: CableFaults): SerialPort {
  let listener: (bytes: Uint8Array) => void = () => {};
  let held: number[] = [];
  const { random } = world;
  const spoil = (bytes: Uint8Array): number[] =>
    [...bytes].flatMap((byte) => {
      if (faults.silent || random.chance(faults.losses)) return [];
      return [random.chance(faults.flips) ? byte ^ (1 << random.below(8)) : byte];
    });
  const release = (): void => {
    const bytes = Uint8Array.from(held);
    held = [];
    if (bytes.length > 0) listener(bytes);
  };
  const arrive = (bytes: readonly number[]): void => {
    if (held.length === 0 && bytes.length > 0)
      world.after(random.betweenMs(0, faults.joinMs), release);
    held.push(...bytes);
    if (faults.joinMs === 0) release();
  };
  port.onData((bytes) => arrive(spoil(bytes)));
  return {
    write: (bytes) => {
      if (faults.echoes) world.after(1, () => arrive(spoil(bytes)));
      return port.write(Uint8Array.from(spoil(bytes)));
    },
    onData: (next) => {
      listener = next;
    },
    onLost: (lost) => port.onLost(lost),
    close: () => port.close(),
  };
}

// A serial cable between two programs in virtual time: bytes take as long as the baud rate says, and get
// lost or unplugged on demand.

import { HalError } from "../hal-error.ts";
import type { SerialPort } from "../serial.ts";
import type { SimWorld } from "./world.ts";

export interface SimSerial {
  a: SerialPort;
  b: SerialPort;
  /** From now on this many bytes in a million are lost, either way. */
  setLoss(perMillion: number): void;
  /** Pulls the cable for good: both ends hear that the other is lost. */
  unplug(): void;
}

export interface SimSerialOptions {
  baud: number;
  /** What was written at once arrives at once, when its last byte would: fewer events. Bytes are not lost then. */
  joined?: true;
}

/** Bytes kept for an end that does not listen yet. */
const KEPT_BYTES_MAX = 4096;

/** One start bit, eight of data, one stop bit. */
const BITS_PER_BYTE = 10;

export function simSerial(world: SimWorld, options: SimSerialOptions): SimSerial {
  const byteMs = (BITS_PER_BYTE * 1000) / options.baud;
  const random = world.randomOf("serial");
  let lossPerMillion = 0;
  const carry = (from: End, to: End, bytes: Uint8Array): Promise<void> => {
    if (from.closed) return Promise.reject(new HalError("canceled", "the port was closed"));
    if (from.lost) return Promise.reject(new HalError("disconnected", "the cable is gone"));
    return new Promise((resolve, reject) => {
      const write = { reject };
      from.writes.add(write);
      let atMs = Math.max(from.lineFreeMs, world.nowMs());
      const whole = options.joined === true ? Uint8Array.from(bytes) : undefined;
      if (whole !== undefined) atMs += byteMs * whole.length;
      else {
        for (const byte of bytes) {
          atMs += byteMs;
          world.at(atMs, () => {
            if (!from.closed && !from.lost && !random.chance(lossPerMillion)) {
              to.receive(Uint8Array.of(byte));
            }
          });
        }
      }
      from.lineFreeMs = atMs;
      world.at(atMs, () => {
        if (whole !== undefined && !from.closed && !from.lost) to.receive(whole);
        from.writes.delete(write);
        resolve();
      });
    });
  };
  const a = newEnd();
  const b = newEnd();
  return {
    a: openPort(a, (bytes) => carry(a, b, bytes)),
    b: openPort(b, (bytes) => carry(b, a, bytes)),
    setLoss: (perMillion) => {
      lossPerMillion = perMillion;
    },
    unplug: () => {
      for (const end of [a, b]) {
        if (end.lost || end.closed) continue;
        end.lost = true;
        fail(end, new HalError("disconnected", "the cable was pulled"));
        world.at(world.nowMs(), () => {
          if (!end.closed) end.onLost();
        });
      }
    },
  };
}

interface End {
  closed: boolean;
  lost: boolean;
  lineFreeMs: number;
  writes: Set<{ reject: (error: HalError) => void }>;
  kept: number[];
  onData: ((bytes: Uint8Array) => void) | undefined;
  onLost: () => void;
  receive(bytes: Uint8Array): void;
}

function newEnd(): End {
  const end: End = {
    closed: false,
    lost: false,
    lineFreeMs: 0,
    writes: new Set(),
    kept: [],
    onData: undefined,
    onLost: () => {},
    receive: (bytes) => {
      if (end.closed || end.lost) return;
      if (end.onData !== undefined) end.onData(bytes);
      else end.kept.push(...bytes.subarray(0, KEPT_BYTES_MAX - end.kept.length));
    },
  };
  return end;
}

function fail(end: End, error: HalError): void {
  for (const write of end.writes) write.reject(error);
  end.writes.clear();
}

function openPort(end: End, carry: (bytes: Uint8Array) => Promise<void>): SerialPort {
  return {
    write: carry,
    onData: (listener) => {
      end.onData = listener;
      if (end.kept.length > 0) listener(Uint8Array.from(end.kept.splice(0)));
    },
    onLost: (listener) => {
      end.onLost = listener;
    },
    close: () => {
      end.closed = true;
      fail(end, new HalError("canceled", "the port was closed"));
      return Promise.resolve();
    },
  };
}

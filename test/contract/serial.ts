// The SerialPort contract, on two ports with a cable between them.

import { describe, expect, test } from "vitest";
import { HalError } from "../../hal/hal-error.ts";
import type { SerialPort } from "../../hal/serial.ts";

export interface SerialUnderTest {
  a: SerialPort;
  b: SerialPort;
  /** Lets this many bytes cross, and a little more. */
  cross(bytes: number): Promise<void>;
  unplug(): void;
}

export function describeSerial(name: string, open: () => Promise<SerialUnderTest>): void {
  describe(`SerialPort contract: ${name}`, () => {
    const gather = (port: SerialPort): number[] => {
      const bytes: number[] = [];
      port.onData((some) => bytes.push(...some));
      return bytes;
    };
    const kindOf = (write: Promise<void>): Promise<string> =>
      write.then(
        () => "written",
        (error: unknown) => (error instanceof HalError ? error.kind : "something else"),
      );

    test("all bytes cross, in order, both ways at once", async () => {
      const { a, b, cross } = await open();
      const atA = gather(a);
      const atB = gather(b);
      const all = Array.from({ length: 256 }, (_, value) => value);
      const writes = [a.write(Uint8Array.from(all)), b.write(Uint8Array.of(9, 8))];
      await cross(256);
      await Promise.all(writes);
      expect(atB).toEqual(all);
      expect(atA).toEqual([9, 8]);
    });

    test("two writes are not mixed", async () => {
      const { a, b, cross } = await open();
      const atB = gather(b);
      const writes = [a.write(Uint8Array.of(1, 2, 3)), a.write(Uint8Array.of(4, 5))];
      await cross(5);
      await Promise.all(writes);
      expect(atB).toEqual([1, 2, 3, 4, 5]);
    });

    test("bytes that came before a listener are kept", async () => {
      const { a, b, cross } = await open();
      const write = a.write(Uint8Array.of(1, 2, 3));
      await cross(3);
      await write;
      expect(gather(b)).toEqual([1, 2, 3]);
    });

    test("the last listener counts", async () => {
      const { a, b, cross } = await open();
      const first = gather(b);
      const last = gather(b);
      const write = a.write(Uint8Array.of(1));
      await cross(1);
      await write;
      expect([first, last]).toEqual([[], [1]]);
    });

    test("a write after close is canceled, and close may be called twice", async () => {
      const { a, cross } = await open();
      let lost = 0;
      a.onLost(() => lost++);
      await a.close();
      await a.close();
      expect(await kindOf(a.write(Uint8Array.of(1)))).toBe("canceled");
      await cross(1);
      expect(lost).toBe(0);
    });

    test("a pulled cable is heard once, and writes are refused as disconnected", async () => {
      const { a, cross, unplug } = await open();
      let lost = 0;
      a.onLost(() => lost++);
      unplug();
      await cross(1);
      expect(lost).toBe(1);
      expect(await kindOf(a.write(Uint8Array.of(1)))).toBe("disconnected");
    });
  });
}

// A socket that carries MQTT packets and never lets a large one through: neither of the MQTT libraries
// bounds what it gathers in memory before it parses. Reads only the fixed header of each packet
// (MQTT 3.1.1, 2.2), and either leaves the whole oversized packet out or breaks the connection.

import { Socket } from "node:net";
import { Duplex } from "node:stream";

export const PACKET_BYTES_MAX = 64 * 1024;

/** What to do with a packet above the limit: leave it out of the stream, or end the stream with an error. */
export type Oversize = "leave-out" | "break";

/** Passes on what belongs to packets within the limit; throws on `break`, or on a length that is no length. */
export function packetGuard(oversize: Oversize): (chunk: Buffer) => readonly Buffer[] {
  let header: number[] = [];
  let bodyLeft = 0;
  let kept = true;
  return (chunk) => {
    const parts: Buffer[] = [];
    let start = 0;
    let i = 0;
    while (i < chunk.length) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, chunk.length - i);
        bodyLeft -= taken;
        i += taken;
        if (!kept) start = i;
        continue;
      }
      const byte = chunk[i] ?? 0;
      i++;
      header.push(byte);
      if (header.length === 1 || byte >= 0x80) {
        if (header.length > 4 && byte >= 0x80) throw new Error("malformed packet length");
        continue;
      }
      bodyLeft = header.slice(1).reduce((sum, digit, at) => sum + (digit & 0x7f) * 128 ** at, 0);
      kept = bodyLeft <= PACKET_BYTES_MAX;
      if (!kept && oversize === "break") {
        throw new Error(`packet of ${bodyLeft} bytes: at most ${PACKET_BYTES_MAX} are taken`);
      }
      // The header is held back until its length is known, so its bytes are passed on from here.
      const headerStart = i - header.length;
      if (kept && headerStart < start)
        parts.push(Buffer.from(header.slice(0, start - headerStart)));
      if (!kept) {
        if (headerStart > start) parts.push(chunk.subarray(start, headerStart));
        start = i;
      }
      header = [];
    }
    const end = chunk.length - header.length;
    if (end > start) parts.push(chunk.subarray(start, end));
    return parts;
  };
}

/**
 * The socket behind the guard, or another stream of bytes. Nagle's algorithm is off: with it, small packets wait
 * 40 ms for an answer.
 */
export class MqttStream extends Duplex {
  readonly #socket: Duplex;

  constructor(socket: Duplex, oversize: Oversize) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    if (socket instanceof Socket) socket.setNoDelay(true);
    const guard = packetGuard(oversize);
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const part of guard(chunk)) if (!this.push(part)) socket.pause();
      } catch (error) {
        this.destroy(error as Error);
      }
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  /** The libraries write a packet in pieces: joined, it leaves as one segment. */
  override _writev(
    chunks: { chunk: Buffer; encoding: string }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

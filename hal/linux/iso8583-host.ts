// Payment host port over ISO 8583 on TCP: one connection to an acquirer, made again whenever it breaks.

import { connect, type Socket } from "node:net";
import { after, type Clock, type Timer } from "../clock.ts";
import {
  type Iso8583Host,
  type Iso8583HostOptions,
  openIso8583Terminal,
} from "../drivers/iso8583-host.ts";
import {
  type Deframer,
  deframer,
  framed,
  type Iso8583Line,
  type Iso8583LineListener,
} from "../drivers/iso8583-line.ts";

const RECONNECT_MS_MIN = 500;
const RECONNECT_MS_MAX = 30_000;
const CONNECT_MS = 10_000;
/** A message that has begun must have ended after this long. */
const HALF_MS = 10_000;
/** Above this the other end reads nothing: the line counts as down. */
const UNSENT_BYTES_MAX = 64 * 1024;

export interface AcquirerAddress {
  host: string;
  port: number;
}

/** Connects in the background: the acquirer need not be there. Rejects with HalError when the books cannot be read. */
export function openIso8583Host(
  address: AcquirerAddress,
  options: Omit<Iso8583HostOptions, "line">,
): Promise<Iso8583Host> {
  return openIso8583Terminal({ ...options, line: new TcpLine(address, options.clock) });
}

class TcpLine implements Iso8583Line {
  readonly #address: AcquirerAddress;
  readonly #clock: Clock;
  readonly #frames: Deframer;
  #listener: Iso8583LineListener | undefined;
  #socket: Socket | undefined;
  #isUp = false;
  #closed = false;
  #delayMs = RECONNECT_MS_MIN;
  #messages = 0;
  /** Of the connection that is being made, of the pause before it, or of half a message. */
  #timer: Timer | undefined;

  constructor(address: AcquirerAddress, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
    this.#frames = deframer((bytes) => {
      // A line on which something sensible arrives is a good one.
      this.#delayMs = RECONNECT_MS_MIN;
      this.#messages++;
      this.#listener?.message(bytes);
    });
  }

  listen(listener: Iso8583LineListener): void {
    this.#listener = listener;
    this.#connect();
  }

  send(message: Uint8Array): boolean {
    const socket = this.#socket;
    if (!this.#isUp || socket === undefined) return false;
    if (socket.writableLength > UNSENT_BYTES_MAX) return false;
    const frame = framed(message);
    // It may hold a card number, and is ours until the system has it.
    socket.write(frame, () => frame.fill(0));
    return true;
  }

  reset(): void {
    this.#socket?.destroy();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#socket?.destroy();
  }

  #connect(): void {
    if (this.#closed) return;
    const socket = connect(this.#address);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    this.#wait(CONNECT_MS, () => socket.destroy());
    socket.on("connect", () => {
      this.#timer?.cancel();
      this.#isUp = true;
      this.#listener?.up();
    });
    socket.on("data", (chunk) => this.#take(socket, chunk));
    // What it says of itself is of no use to anybody; `close` follows.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#lost(socket));
  }

  #take(socket: Socket, chunk: Buffer): void {
    const wasHalf = this.#frames.isHalf();
    const before = this.#messages;
    const makesSense = this.#frames.take(chunk);
    chunk.fill(0);
    if (!makesSense) socket.destroy();
    else if (!this.#frames.isHalf()) this.#timer?.cancel();
    // Counted from its first byte: one that drips has no more time than one that stops.
    else if (!wasHalf || this.#messages > before) this.#wait(HALF_MS, () => socket.destroy());
  }

  #lost(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#isUp = false;
    this.#socket = undefined;
    this.#frames.clear();
    if (this.#closed) return;
    this.#listener?.down();
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(2 * delayMs, RECONNECT_MS_MAX);
    this.#wait(delayMs, () => this.#connect());
  }

  #wait(delayMs: number, then: () => void): void {
    this.#timer?.cancel();
    if (!this.#closed) this.#timer = after(this.#clock, delayMs, then);
  }
}

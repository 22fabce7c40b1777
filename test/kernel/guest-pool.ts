// Vitest outside, its workers in the guest: reads and translates the tests and prints what came of them on this machine,
// which is many times faster, and runs them there. There is one worker (guest-worker.mjs), on a port of the guest that is a socket here.

import { EventEmitter, once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import type { PoolRunnerInitializer, PoolWorker, WorkerRequest } from "vitest/node";

/** The guest boots meanwhile. */
const START_MS_MAX = 80_000;
const LOOK_MS = 20;
const HEADER_BYTES = 4;

class GuestWorker implements PoolWorker {
  readonly name = "guest";
  readonly #events = new EventEmitter();
  readonly #port: string;
  #socket: Socket | undefined;
  #unread: Buffer = Buffer.alloc(0);

  constructor(port: string) {
    this.#port = port;
  }

  on(event: string, callback: (arg: unknown) => void): void {
    this.#events.on(event, callback);
  }

  off(event: string, callback: (arg: unknown) => void): void {
    this.#events.off(event, callback);
  }

  send(message: WorkerRequest): void {
    const body = serialize(message);
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(body.length);
    this.#socket?.write(Buffer.concat([header, body]));
  }

  deserialize(data: unknown): unknown {
    return data;
  }

  /** Resolves when the worker there has said that it runs. */
  async start(): Promise<void> {
    const limit = AbortSignal.timeout(START_MS_MAX);
    const socket = await connected(this.#port, limit);
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#hear(chunk));
    socket.on("error", (error) => this.#events.emit("error", error));
    socket.on("close", () => this.#events.emit("exit"));
    await once(this.#events, "message", { signal: limit }).catch(() => tooLate());
  }

  /** The worker there ends when the port is closed here. */
  async stop(): Promise<void> {
    this.#events.removeAllListeners();
    this.#socket?.destroy();
  }

  #hear(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    while (this.#unread.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#unread.readUInt32LE(0);
      if (this.#unread.length < end) return;
      const message: unknown = deserialize(this.#unread.subarray(HEADER_BYTES, end));
      this.#unread = this.#unread.subarray(end);
      this.#events.emit("message", message);
    }
  }
}

export function guestPool(port: string): PoolRunnerInitializer {
  return { name: "guest", createPoolWorker: () => new GuestWorker(port) };
}

async function connected(port: string, limit: AbortSignal): Promise<Socket> {
  for (;;) {
    const socket = connect(port);
    try {
      await once(socket, "connect", { signal: limit });
      return socket;
    } catch {
      socket.destroy();
      if (limit.aborted) tooLate();
      await sleep(LOOK_MS);
    }
  }
}

function tooLate(): never {
  throw new Error(`the guest did not start its worker within ${START_MS_MAX} ms`);
}

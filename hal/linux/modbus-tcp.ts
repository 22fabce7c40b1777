// A TCP connection as a byte stream with the words of a serial port, either side: what Modbus over TCP runs on.

import { connect, createServer, type Socket } from "node:net";
import type { TcpBusPart } from "../board.ts";
import { HalError } from "../hal-error.ts";
import type { OpenSerial, SerialPort } from "../serial.ts";

const CONNECT_MS_MAX = 3_000;
const KEEP_ALIVE_MS = 10_000;
/** Kept for a listener that is not there yet. */
const KEPT_BYTES_MAX = 4096;
const PORT_DEFAULT = 502;

/** Each call connects anew. */
export function openModbusTcp({ address }: TcpBusPart): OpenSerial {
  const { host, port } = hostPort(address);
  return () =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      const fail = (cause?: unknown): void => {
        socket.destroy();
        reject(new HalError("disconnected", `nothing answers at ${host}:${port}`, cause));
      };
      socket.setTimeout(CONNECT_MS_MAX, () => fail());
      socket.once("error", fail);
      socket.once("connect", () => {
        socket.off("error", fail);
        socket.setTimeout(0);
        resolve(new SocketPort(socket));
      });
    });
}

/** Serves until closed. Rejects with HalError `refused` where the port cannot be had. */
export function listenModbusTcp(
  { address }: TcpBusPart,
  serve: (port: SerialPort) => void,
): Promise<{ port: number; close(): Promise<void> }> {
  const { host, port } = hostPort(address);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(new SocketPort(socket));
  });
  const close = (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      reject(new HalError("refused", `${host}:${port} cannot be listened on`, error));
    });
    server.listen(port, host, () => {
      const bound = server.address();
      resolve({ port: typeof bound === "object" && bound !== null ? bound.port : port, close });
    });
  });
}

/** "host", "host:port" or "[v6]:port". */
function hostPort(address: string): { host: string; port: number } {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(address);
  const host = parts?.[1] ?? parts?.[2];
  const port = parts?.[3] === undefined ? PORT_DEFAULT : Number(parts[3]);
  if (host === undefined || port > 65_535) {
    throw new HalError("refused", `"${address}" is no address: want host:port`);
  }
  return { host, port };
}

class SocketPort implements SerialPort {
  readonly #socket: Socket;
  #closed = false;
  #lost = false;
  #kept: number[] = [];
  #onData: ((bytes: Uint8Array) => void) | undefined;
  #onLost: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", (bytes) => {
      if (this.#closed) return;
      if (this.#onData !== undefined) this.#onData(Uint8Array.from(bytes));
      else this.#kept.push(...bytes.subarray(0, KEPT_BYTES_MAX - this.#kept.length));
    });
    // What went wrong does not matter: `close` follows.
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      if (this.#closed || this.#lost) return;
      this.#lost = true;
      this.#onLost();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) reject(new HalError("canceled", "the connection was closed"));
      else if (this.#lost) reject(new HalError("disconnected", "the connection is gone"));
      else {
        this.#socket.write(Uint8Array.from(bytes), (error) => {
          if (error === undefined || error === null) resolve();
          else if (this.#closed) reject(new HalError("canceled", "the connection was closed"));
          else reject(new HalError("disconnected", "the connection is gone", error));
        });
      }
    });
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#onData = listener;
    if (this.#kept.length > 0) listener(Uint8Array.from(this.#kept.splice(0)));
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#socket.destroy();
    return Promise.resolve();
  }
}

// The control socket of a running bench: one JSON text a line in, one out, for programs of the same user. It lies in
// the bench's folder, which nobody else may enter.

import { closeSync, constants, mkdirSync, openSync, rmSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { HalError } from "../hal-error.ts";
import { splitLines } from "./line-split.ts";

export interface BenchControl {
  /** Idempotent. */
  close(): void;
}

const REQUEST_CHARACTERS_MAX = 4_096;
const ANSWER_CHARACTERS_MAX = 256 * 1024;
const CONNECTIONS_MAX = 8;
const IDLE_MS_MAX = 5_000;
const NAME = "control.sock";

/**
 * `answer` never rejects. What is no JSON is handed to it as undefined. Takes the place of a socket that an earlier
 * bench left, and makes the folder. Rejects with HalError `refused`, and with the system's error for a folder that
 * cannot be made, where there can be none.
 */
export async function openBenchControl(
  folder: string,
  answer: (request: unknown) => Promise<unknown>,
): Promise<BenchControl> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, answer);
  });
  server.maxConnections = CONNECTIONS_MAX;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(join(folder, NAME), { force: true });
  const near = nearPath(folder);
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      near.close();
      reject(new HalError("refused", `${join(folder, NAME)}: no control socket here`, error));
    });
    server.listen(near.path, () => {
      resolve({
        close: () => {
          if (!server.listening) return;
          server.close(() => near.close());
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}

/** A socket's name may be 107 bytes long, whatever the folder is called: it is reached by a descriptor of the folder. */
function nearPath(folder: string): { path: string; close(): void } {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${NAME}`, close: () => closeSync(fd) };
}

function serve(socket: Socket, answer: (request: unknown) => Promise<unknown>): void {
  const reply = async (line: string): Promise<void> => {
    const text = JSON.stringify(await answer(parsed(line)));
    if (socket.writable) socket.write(`${text}\n`);
  };
  const lines = splitLines(REQUEST_CHARACTERS_MAX, (line) => void reply(line));
  socket.on("data", (chunk) => {
    lines.push(chunk);
    if (lines.refused() > 0) socket.destroy();
  });
  socket.setTimeout(IDLE_MS_MAX, () => socket.destroy());
  // Whoever asked may be gone.
  socket.on("error", () => {});
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * Asks the bench that runs on this folder. Rejects with HalError `disconnected` where none does, `timeout` where it
 * does not answer, `corrupt` for what is no answer.
 */
export function askBench(folder: string, request: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let near: ReturnType<typeof nearPath>;
    try {
      near = nearPath(folder);
    } catch (error) {
      reject(new HalError("disconnected", `no bench runs on ${folder}`, error));
      return;
    }
    const socket = createConnection(near.path);
    const end = (error: HalError): void => {
      socket.destroy();
      reject(error);
    };
    const lines = splitLines(ANSWER_CHARACTERS_MAX, (line) => {
      socket.destroy();
      const value = parsed(line);
      if (value === undefined) reject(new HalError("corrupt", "the bench said what is no JSON"));
      else resolve(value);
    });
    socket.setTimeout(IDLE_MS_MAX, () => end(new HalError("timeout", "the bench does not answer")));
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (chunk) => {
      lines.push(chunk);
      if (lines.refused() > 0) end(new HalError("corrupt", "the bench's answer is too long"));
    });
    socket.on("error", (error) => {
      end(new HalError("disconnected", `no bench runs on ${folder}`, error));
    });
    socket.on("close", () => {
      near.close();
      reject(new HalError("disconnected", "the bench has ended"));
    });
  });
}

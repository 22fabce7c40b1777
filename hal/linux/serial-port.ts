// Serial port over a tty of this machine: termios and the lock are @serialport/bindings-cpp's, reading is ours, because
// a tty whose device was pulled answers "no bytes" for ever, which that package asks again without end.

import { readSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import type { LinuxPortBinding } from "@serialport/bindings-cpp";
import type { SerialPart } from "../board.ts";
import { HalError } from "../hal-error.ts";
import type { OpenSerial, SerialPort } from "../serial.ts";

const READ_BYTES = 4096;
/** Kept for a listener that is not there yet. */
const KEPT_BYTES_MAX = 4096;

/** The port as the board has it; each call opens it anew, locked against everybody else who locks. */
export function openSerialPort({ path, settings }: SerialPart): OpenSerial {
  return async () => {
    await reach(path);
    const { LinuxBinding } = await import("@serialport/bindings-cpp");
    const { baud: baudRate, dataBits = 8, parity = "none", stopBits = 1 } = settings;
    try {
      const binding = await LinuxBinding.open({ path, baudRate, dataBits, parity, stopBits });
      return new LinuxSerialPort(binding, path);
    } catch (error) {
      throw refusal(path, error);
    }
  };
}

async function reach(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EACCES" || code === "EPERM") {
      const way = "sudo usermod -aG dialout $USER, then log in anew";
      throw new HalError("refused", `${path}: no permission: ${way}`, error);
    }
    const message = `${path}: no such port: is the device plugged in, and the UART switched on?`;
    throw new HalError("disconnected", message, error);
  }
}

/** The package tells its reasons in its own words only. */
function refusal(path: string, error: unknown): HalError {
  const said = error instanceof Error ? error.message : String(error);
  if (/cannot lock|busy|temporarily unavailable/i.test(said)) {
    const message = `${path} is in use: \`sudo fuser -v ${path}\` names the program that has it`;
    return new HalError("refused", message, error);
  }
  if (/no such (file|device)|input\/output error/i.test(said)) {
    return new HalError("disconnected", `${path}: the port went while it was opened`, error);
  }
  return new HalError("refused", `${path} cannot be opened as a serial port: ${said}`, error);
}

class LinuxSerialPort implements SerialPort {
  readonly #binding: LinuxPortBinding;
  readonly #path: string;
  readonly #fd: number;
  #state: "open" | "lost" | "closed" = "open";
  #kept: number[] = [];
  #onData: ((bytes: Uint8Array) => void) | undefined;
  #onLost: () => void = () => {};
  /** One write after the other. */
  #written: Promise<void> = Promise.resolve();
  /** Rejects, once, with what ended the port: a write that hangs ends with it. */
  readonly #ended: Promise<never>;
  #end: (error: HalError) => void = () => {};
  #released: Promise<void> | undefined;

  constructor(binding: LinuxPortBinding, path: string) {
    this.#binding = binding;
    this.#path = path;
    this.#fd = binding.fd ?? -1;
    this.#ended = new Promise((_, reject) => {
      this.#end = reject;
    });
    this.#ended.catch(() => {});
    void this.#readOn();
  }

  write(bytes: Uint8Array): Promise<void> {
    // Its own copy: the caller may write over it.
    const copy = Buffer.from(bytes);
    const write = this.#written.then(() => this.#send(copy));
    this.#written = write.catch(() => {});
    return write;
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#onData = listener;
    if (this.#kept.length > 0) listener(Uint8Array.from(this.#kept.splice(0)));
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  close(): Promise<void> {
    if (this.#state === "open") this.#end(new HalError("canceled", "the port was closed"));
    this.#state = "closed";
    return this.#release();
  }

  async #send(bytes: Buffer): Promise<void> {
    if (this.#state === "closed") throw new HalError("canceled", "the port was closed");
    if (this.#state === "lost") throw new HalError("disconnected", `${this.#path} was unplugged`);
    try {
      await Promise.race([this.#binding.write(bytes), this.#ended]);
    } catch (error) {
      if (error instanceof HalError) throw error;
      this.#lose();
      throw new HalError("disconnected", `${this.#path} was unplugged`, error);
    }
  }

  async #readOn(): Promise<void> {
    const buffer = Buffer.alloc(READ_BYTES);
    try {
      while (this.#state === "open") {
        const got = await this.#readSome(buffer);
        if (got === 0) break;
        if (this.#state === "open") this.#pass(Uint8Array.from(buffer.subarray(0, got)));
      }
    } catch {
      // Whatever the error is, nothing can be read any more.
    }
    this.#lose();
  }

  /** 0 at the end of the device. */
  async #readSome(buffer: Buffer): Promise<number> {
    for (;;) {
      try {
        // It does not wait: the tty was opened so. And it ends before the descriptor can be closed and be another's.
        return readSync(this.#fd, buffer);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code !== "EAGAIN" && code !== "EINTR") throw error;
      }
      await new Promise<void>((resolve, reject) => {
        const settle = (error: Error | null): void => (error ? reject(error) : resolve());
        this.#binding.poller.once("readable", settle);
      });
      if (this.#state !== "open") return 0;
    }
  }

  #pass(bytes: Uint8Array): void {
    if (this.#onData !== undefined) this.#onData(bytes);
    else this.#kept.push(...bytes.subarray(0, KEPT_BYTES_MAX - this.#kept.length));
  }

  #lose(): void {
    if (this.#state !== "open") return;
    this.#state = "lost";
    this.#end(new HalError("disconnected", `${this.#path} was unplugged`));
    void this.#release();
    this.#onLost();
  }

  #release(): Promise<void> {
    this.#released ??= this.#binding.close().catch(() => {
      // The descriptor is gone either way.
    });
    return this.#released;
  }
}

// A pseudo-terminal as a serial cable: we hold the one end as a SerialPort, any program opens the other by its path,
// as it would open a serial device. We hold a descriptor of that end too, so that the line outlives whoever closes it.
// A pseudo-terminal keeps no baud rate: bytes cross at once.

import { closeSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { HalError } from "../hal-error.ts";
import type { SerialPort } from "../serial.ts";
import { errorName, loadNative, type Native, READABLE, WRITABLE } from "./native.ts";

export interface Pty {
  /**
   * Our end. It stays while the cable is pulled: what is written meanwhile is lost, as it is on a cable. So are bytes
   * that nobody reads at the other end for a second, once the kernel has no room for more. Never reports `lost`.
   */
  port: SerialPort;
  /** Where the other end is opened: the link where one was asked for, else the device, which changes with the plug. */
  path(): string;
  /** Pulled: whoever has the other end open gets an error, and the path is gone. Plugged in again it is a new device. */
  setPlugged(plugged: boolean): void;
}

/** Kept for a listener that is not there yet. */
const KEPT_BYTES_MAX = 4096;
const READ_BYTES = 64 * 1024;
/** Nobody reads at the other end: the bytes are lost. */
const UNREAD_MS_MAX = 1_000;

/**
 * `link`: a symbolic link to the other end, replaced when it is there already, removed by `close`. Throws HalError
 * `refused` where the system has no pseudo-terminal for us, or the link cannot be made.
 */
export function openPty(link?: string): Pty {
  return new PtyEnd(loadNative(), link);
}

interface Pending {
  bytes: Uint8Array;
  done: (error?: HalError) => void;
}

interface Plug {
  master: number;
  slave: number;
  path: string;
  poll: object;
}

class PtyEnd implements Pty, SerialPort {
  readonly #native: Native;
  readonly #link: string | undefined;
  readonly #buffer = Buffer.alloc(READ_BYTES);
  readonly port: SerialPort = this;
  #plug: Plug | undefined;
  #path = "";
  #closed = false;
  #onData: ((bytes: Uint8Array) => void) | undefined;
  #kept: number[] = [];
  #pending: Pending[] = [];
  #waiting: { poll: object; limit: NodeJS.Timeout } | undefined;

  constructor(native: Native, link: string | undefined) {
    this.#native = native;
    this.#link = link;
    this.#plugIn();
  }

  path(): string {
    return this.#link ?? this.#path;
  }

  setPlugged(plugged: boolean): void {
    if (this.#closed || plugged === (this.#plug !== undefined)) return;
    if (plugged) this.#plugIn();
    else this.#unplug();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new HalError("canceled", "the port was closed"));
    return new Promise((resolve, reject) => {
      const done = (error?: HalError): void => (error === undefined ? resolve() : reject(error));
      this.#pending.push({ bytes: Uint8Array.from(bytes), done });
      if (this.#waiting === undefined) this.#send();
    });
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#onData = listener;
    if (this.#kept.length > 0) listener(Uint8Array.from(this.#kept.splice(0)));
  }

  onLost(): void {}

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#unplug();
    for (const { done } of this.#pending.splice(0)) {
      done(new HalError("canceled", "the port was closed"));
    }
    return Promise.resolve();
  }

  #plugIn(): void {
    const pty = this.#native.openPty();
    if (typeof pty === "number") {
      throw new HalError("refused", `no pseudo-terminal (${errorName(pty)})`);
    }
    const poll = this.#native.pollStart(pty.master, READABLE, () => this.#receive(pty.master));
    if (typeof poll === "number") {
      closeSync(pty.slave);
      closeSync(pty.master);
      throw new HalError("refused", `a pseudo-terminal cannot be waited on (${errorName(poll)})`);
    }
    this.#plug = { ...pty, poll };
    this.#path = pty.path;
    try {
      if (this.#link !== undefined) replaceLink(pty.path, this.#link);
    } catch (error) {
      this.#unplug();
      throw new HalError("refused", `${this.#link}: the link cannot be made here`, error);
    }
  }

  #unplug(): void {
    const plug = this.#plug;
    if (plug === undefined) return;
    this.#plug = undefined;
    if (this.#link !== undefined) removeLink(plug.path, this.#link);
    this.#stopWaiting();
    this.#native.pollStop(plug.poll);
    closeSync(plug.slave);
    closeSync(plug.master);
    if (!this.#closed) this.#send();
  }

  #receive(master: number): void {
    // A listener may pull the plug or close the port.
    while (this.#plug?.master === master) {
      const got = this.#native.read(master, this.#buffer);
      if (got <= 0) return;
      this.#pass(Uint8Array.from(this.#buffer.subarray(0, got)));
    }
  }

  #pass(bytes: Uint8Array): void {
    if (this.#onData !== undefined) this.#onData(bytes);
    else this.#kept.push(...bytes.subarray(0, KEPT_BYTES_MAX - this.#kept.length));
  }

  #send(): void {
    for (;;) {
      const first = this.#pending[0];
      if (first === undefined) return;
      // Without a plug the bytes go nowhere.
      const sent =
        this.#plug === undefined || first.bytes.length === 0
          ? first.bytes.length
          : this.#native.write(this.#plug.master, first.bytes);
      if (sent < 0) {
        this.#wait();
        return;
      }
      first.bytes = first.bytes.subarray(sent);
      if (first.bytes.length > 0) continue;
      this.#pending.shift();
      first.done();
    }
  }

  /** Until the other end has read something, or for so long that the bytes are as good as lost. */
  #wait(): void {
    const plug = this.#plug;
    if (plug === undefined) return;
    this.#native.pollStop(plug.poll);
    const ready = (events: number): void => {
      if (events < 0 || (events & READABLE) !== 0) this.#receive(plug.master);
      if (this.#plug !== plug || (events & WRITABLE) === 0) return;
      this.#stopWaiting();
      this.#send();
    };
    const poll = this.#native.pollStart(plug.master, READABLE | WRITABLE, ready);
    if (typeof poll === "number") throw new HalError("other", `poll: ${errorName(poll)}`);
    plug.poll = poll;
    const limit = setTimeout(() => {
      this.#stopWaiting();
      for (const { done } of this.#pending.splice(0)) done();
    }, UNREAD_MS_MAX);
    this.#waiting = { poll, limit };
  }

  #stopWaiting(): void {
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting.limit);
    this.#waiting = undefined;
    const plug = this.#plug;
    if (plug === undefined) return;
    this.#native.pollStop(plug.poll);
    const poll = this.#native.pollStart(plug.master, READABLE, () => this.#receive(plug.master));
    if (typeof poll === "number") throw new HalError("other", `poll: ${errorName(poll)}`);
    plug.poll = poll;
  }
}

/** Whoever opens the link meanwhile finds the old end or the new one, never nothing. */
function replaceLink(path: string, link: string): void {
  const fresh = `${link}.${process.pid}.new`;
  symlinkSync(path, fresh);
  try {
    renameSync(fresh, link);
  } catch (error) {
    unlinkSync(fresh);
    throw error;
  }
}

/** Only ours: another program may have put its own there since. */
function removeLink(path: string, link: string): void {
  try {
    if (readlinkSync(link) === path) unlinkSync(link);
  } catch {
    // It is gone already.
  }
}

// What a service manager hears of this process: sd_notify(3), one datagram for each message, to the socket that it names
// in the environment. Sending never waits; a message that must arrive goes again with the next one.

import { HalError } from "../hal-error.ts";
import { loadNative, type Native } from "./native.ts";

export interface ServiceNotify {
  /** Whoever waits for the start need not wait any longer. */
  ready(): void;
  /** To be said by what proves it. Where nobody watches us nothing is sent. */
  alive(): void;
  /** The end has begun. */
  stopping(): void;
}

const NAME_BYTES_MAX = 107;

/**
 * Undefined where no manager wants to hear of us. Throws HalError `refused` where its socket has a name that cannot be
 * one, or the native part was not built.
 */
export function openServiceNotify(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
  send?: Native["sendDatagram"],
): ServiceNotify | undefined {
  const name = env["NOTIFY_SOCKET"];
  if (name === undefined || name === "") return undefined;
  const address = addressOf(name);
  const sendDatagram = send ?? loadNative().sendDatagram;
  const isWatched = watches(env, pid);
  let owed = "";
  const say = (words: string): void => {
    const message = owed + words;
    if (message === "") return;
    // Its queue is full, or it is being started anew.
    owed = sendDatagram(address, Buffer.from(message)) < 0 ? message : "";
  };
  return {
    ready: () => say("READY=1\n"),
    alive: () => {
      if (owed === "") say(isWatched ? "WATCHDOG=1\n" : "");
      // Old words of life are not saved up.
      else say("");
    },
    stopping: () => say("STOPPING=1\n"),
  };
}

/** An absolute path, or "@" and a name in the abstract space. */
function addressOf(name: string): Uint8Array {
  const bytes = Buffer.from(name);
  if (!/^[/@]./.test(name) || name.includes("\0") || bytes.length > NAME_BYTES_MAX) {
    const words = `a path or @name of at most ${NAME_BYTES_MAX} bytes; start us by systemd, or unset it`;
    throw new HalError("refused", `NOTIFY_SOCKET is not ${words}`);
  }
  if (name.startsWith("@")) bytes[0] = 0;
  return bytes;
}

/** sd_watchdog_enabled(3): the manager set a time, and means this process. */
function watches(env: Readonly<Record<string, string | undefined>>, pid: number): boolean {
  const { WATCHDOG_USEC: time = "", WATCHDOG_PID: whose = String(pid) } = env;
  return /^[1-9]\d{0,18}$/.test(time) && whose === String(pid);
}

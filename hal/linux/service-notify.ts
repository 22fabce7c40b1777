// What a service manager hears of this process: sd_notify(3), one datagram for each message, to the socket that it names
// in the environment. Sending never waits; a message that must arrive goes again with the next one.

import { HalError } from "../hal-error.ts";
import { loadNative, type Native } from "./native.ts";

export interface ServiceNotify {
  /**
   * Whoever waits for the start need not wait any longer. Where the hardware resets the computer when it was not fed for
   * `hardwareMs`, the manager is told to act well before that, if it would not.
   */
  ready(hardwareMs?: number): void;
  /**
   * To be said by what proves it. Nothing is sent where nobody watches us, nor before we are ready: the manager's clock
   * would begin to run with the first word, and a start has a limit of its own.
   */
  alive(): void;
  /** The end has begun. */
  stopping(): void;
}

const NAME_BYTES_MAX = 107;
/** Of the hardware's time: what is left is for what the manager does, which opens the outputs. */
const HARDWARE_SHARE = 2 / 3;

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
  const watchMs = watchTimeMs(env, pid);
  let isReady = false;
  let owed = "";
  const say = (words: string): void => {
    const message = owed + words;
    if (message === "") return;
    // Its queue is full, or it is being started anew.
    owed = sendDatagram(address, Buffer.from(message)) < 0 ? message : "";
  };
  return {
    ready: (hardwareMs = Infinity) => {
      isReady = true;
      const ourMs = Math.floor(hardwareMs * HARDWARE_SHARE);
      const isTooLate = watchMs !== undefined && ourMs < watchMs;
      say(isTooLate ? `READY=1\nWATCHDOG_USEC=${ourMs * 1000}\n` : "READY=1\n");
    },
    alive: () => {
      if (owed === "") say(isReady && watchMs !== undefined ? "WATCHDOG=1\n" : "");
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

/** sd_watchdog_enabled(3): where the manager set a time, and means this process. */
function watchTimeMs(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const { WATCHDOG_USEC: time = "", WATCHDOG_PID: whose = String(pid) } = env;
  return /^[1-9]\d{0,18}$/.test(time) && whose === String(pid) ? Number(time) / 1000 : undefined;
}

// The computer's hardware watchdog (Linux watchdog API, Documentation/watchdog/watchdog-api): opened, it resets the computer
// unless it is fed. A process that dies lets its timer go on; one that closes it in order disarms it by the letter V.

import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { HalError } from "../hal-error.ts";
import { errorName, loadNative } from "./native.ts";

export interface Watchdog {
  /** It resets the computer when it was not fed for so long. */
  readonly timeoutMs: number;
  /** The kernel was told never to stop it (nowayout): closing it does not disarm it. */
  readonly staysArmed: boolean;
  /** Throws HalError `disconnected`. */
  feed(): void;
  /** Disarms it. Idempotent. */
  close(): Promise<void>;
}

/** What the system does, so that a test need not reset its computer. */
export interface WatchdogCalls {
  open(path: string): number;
  /** The kernel's answer, or -errno. */
  ioctl(fd: number, request: number, buffer: Uint8Array): number;
  write(fd: number, bytes: string): void;
  close(fd: number): void;
  /** Of /sys/class/watchdog; throws where there is no such file. */
  readText(path: string): string;
}

const SET_TIMEOUT = 0xc0045706;
const GET_TIMEOUT = 0x80045707;

/**
 * What is asked for, in seconds. The first leaves a service manager the time to end a device that hangs, by force where it
 * has to, and to open the outputs, which disarms this: WatchdogSec= and TimeoutAbortSec= of deploy/sluice.service, and 15 s
 * for what it starts then. The second is what drivers take that count in the hardware alone, such as the Raspberry Pi's
 * before Linux 6.7: there the manager is told to act earlier (service-notify.ts).
 */
const WANTED_S = [40, 15] as const;
/** The loop reports twice a second, and this process may be held up for seconds by a slow card. */
const TIMEOUT_S_MIN = 10;

const LINUX: WatchdogCalls = {
  open: (path) => openSync(path, constants.O_WRONLY),
  ioctl: (fd, request, buffer) => loadNative().ioctl(fd, request, buffer),
  write: (fd, bytes) => void writeSync(fd, bytes),
  close: closeSync,
  readText: (path) => readFileSync(path, "utf8"),
};

/** Starts it. Throws HalError `refused`, it being disarmed, with words that say what to do. */
export function openWatchdog(path: string, calls: WatchdogCalls = LINUX): Watchdog {
  const fd = openDevice(path, calls);
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    try {
      calls.write(fd, "V");
    } catch {
      // It goes on then, and whoever closes us can do nothing about it.
    } finally {
      calls.close(fd);
    }
  };
  const timeoutS = chooseTimeout(fd, calls);
  if (timeoutS === undefined || timeoutS < TIMEOUT_S_MIN) {
    close();
    const waits = timeoutS === undefined ? "does not say how long it waits" : `waits ${timeoutS} s`;
    const wants = `at least ${TIMEOUT_S_MIN} s are needed: leave it out of the device file`;
    throw new HalError("refused", `${path} ${waits}, and ${wants}`);
  }
  return {
    timeoutMs: timeoutS * 1000,
    staysArmed: isNoWayOut(path, calls),
    feed: () => {
      if (!open) return;
      try {
        calls.write(fd, ".");
      } catch (error) {
        throw new HalError("disconnected", `${path} cannot be fed: ${codeOf(error)}`, error);
      }
    },
    close: async () => close(),
  };
}

/**
 * Of one that was left running by a process that has gone; one that does not run, or that the kernel never stops, stays
 * as it is. Throws HalError as above, such as where somebody else feeds it.
 */
export async function disarmWatchdog(path: string, calls: WatchdogCalls = LINUX): Promise<void> {
  if (stateOf(path, "state", calls) === "inactive" || isNoWayOut(path, calls)) return;
  await openWatchdog(path, calls).close();
}

function openDevice(path: string, calls: WatchdogCalls): number {
  try {
    return calls.open(path);
  } catch (error) {
    const code = codeOf(error);
    const words: Readonly<Record<string, string>> = {
      ENOENT: "there is none: load its driver, or dtparam=watchdog=on on a Raspberry Pi",
      EBUSY:
        "somebody else feeds it: RuntimeWatchdogSec= of systemd, or the program watchdog; one of the two is enough",
      EACCES:
        "no permission: the service's udev rule gives it to its user, `make deploy` brings it",
      EPERM: "no permission: it is not among the devices that the service may use (unit-devices)",
    };
    throw new HalError("refused", `${path}: ${words[code] ?? code}`, error);
  }
}

function chooseTimeout(fd: number, calls: WatchdogCalls): number | undefined {
  const buffer = Buffer.alloc(4);
  for (const seconds of WANTED_S) {
    buffer.writeInt32LE(seconds);
    const answer = calls.ioctl(fd, SET_TIMEOUT, buffer);
    // A driver that cannot be told has one of its own.
    if (answer >= 0 || errorName(answer) !== "EINVAL") break;
  }
  return calls.ioctl(fd, GET_TIMEOUT, buffer) < 0 ? undefined : buffer.readInt32LE(0);
}

function isNoWayOut(path: string, calls: WatchdogCalls): boolean {
  return stateOf(path, "nowayout", calls) === "1";
}

/** /dev/watchdog is the first of them. Undefined where the kernel does not tell. */
function stateOf(path: string, what: string, calls: WatchdogCalls): string | undefined {
  const [number = "0"] = /\d+$/.exec(path) ?? [];
  try {
    return calls.readText(`/sys/class/watchdog/watchdog${number}/${what}`).trim();
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

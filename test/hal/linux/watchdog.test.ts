// The hardware watchdog as the kernel documents it, on a stand-in: what is written to it, what is asked, what is refused.
// On the kernel's own software watchdog: test/kernel/unprivileged.test.ts.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { HalError } from "../../../hal/hal-error.ts";
import { disarmWatchdog, openWatchdog, type WatchdogCalls } from "../../../hal/linux/watchdog.ts";
import { openWatchdogFeeder } from "../../../hal/linux/watchdog-feeder.ts";

const SET_TIMEOUT = 0xc0045706;
const GET_TIMEOUT = 0x80045707;
const EINVAL = -22;
const EOPNOTSUPP = -95;
const ENOTTY = -25;

interface StandIn {
  /** What it takes at most, and what it is set to. */
  maxS?: number;
  timeoutS?: number;
  /** What it answers to being set, and to being asked. */
  set?: number;
  get?: number;
  opens?: string;
  nowayout?: string;
  state?: string;
}

function standIn(is: StandIn = {}) {
  let timeoutS = is.timeoutS ?? 60;
  const done: string[] = [];
  const paths: string[] = [];
  const state = { pulled: false };
  const calls: WatchdogCalls = {
    open: (path) => {
      paths.push(path);
      if (is.opens !== undefined) throw Object.assign(new Error(is.opens), { code: is.opens });
      done.push("open");
      return 7;
    },
    ioctl: (_fd, request, buffer) => {
      const view = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      if (request === SET_TIMEOUT) {
        if (is.set !== undefined) return is.set;
        if (view.readInt32LE(0) > (is.maxS ?? 1_000)) return EINVAL;
        timeoutS = view.readInt32LE(0);
        return 0;
      }
      expect(request).toBe(GET_TIMEOUT);
      view.writeInt32LE(timeoutS);
      return is.get ?? 0;
    },
    write: (_fd, bytes) => {
      if (state.pulled) throw Object.assign(new Error("EIO"), { code: "EIO" });
      done.push(bytes);
    },
    close: () => done.push("close"),
    readText: (path) => {
      paths.push(path);
      const text = path.endsWith("/state") ? is.state : is.nowayout;
      if (text === undefined) throw new Error("ENOENT");
      return text;
    },
  };
  return { calls, done, paths, state, timeoutS: () => timeoutS };
}

test("is fed by any letter but V, and disarmed by V, once", async () => {
  const { calls, done } = standIn();
  const watchdog = openWatchdog("/dev/watchdog", calls);
  watchdog.feed();
  watchdog.feed();
  await watchdog.close();
  await watchdog.close();
  watchdog.feed();
  expect(done).toEqual(["open", ".", ".", "V", "close"]);
});

test.each([
  ["as asked", {}, 40],
  ["what the hardware counts itself", { maxS: 15 }, 15],
  ["a driver's own, which it does not let change", { set: EOPNOTSUPP, timeoutS: 42 }, 42],
])("waits %s", (_, is, seconds) => {
  expect(openWatchdog("/dev/watchdog", standIn(is).calls).timeoutMs).toBe(seconds * 1000);
});

test.each([
  ["waits 8 s", { maxS: 1, timeoutS: 8 }],
  ["does not say how long it waits", { get: ENOTTY }],
])("one that %s is disarmed again and refused", (words, is) => {
  const { calls, done } = standIn(is);
  expect(() => openWatchdog("/dev/watchdog", calls)).toThrow(words);
  expect(done).toEqual(["open", "V", "close"]);
});

test.each([
  ["ENOENT", /there is none/],
  ["EBUSY", /RuntimeWatchdogSec/],
  ["EACCES", /no permission/],
  ["EPERM", /unit-devices/],
  ["EIO", /EIO/],
])("%s is told in words that say what to do", (opens, words) => {
  const attempt = (): unknown => openWatchdog("/dev/watchdog", standIn({ opens }).calls);
  expect(attempt).toThrow(HalError);
  expect(attempt).toThrow(words);
});

test.each([
  ["/dev/watchdog", "watchdog0"],
  ["/dev/watchdog1", "watchdog1"],
])("%s that cannot be stopped any more says so", (path, name) => {
  const { calls, paths } = standIn({ nowayout: "1\n" });
  expect(openWatchdog(path, calls).staysArmed).toBe(true);
  expect(paths).toEqual([path, `/sys/class/watchdog/${name}/nowayout`]);
  expect(openWatchdog(path, standIn({ nowayout: "0\n" }).calls).staysArmed).toBe(false);
});

test.each([
  ["was left running", { state: "active\n", nowayout: "0\n" }, ["open", "V", "close"]],
  ["may run, as far as the kernel tells", {}, ["open", "V", "close"]],
  ["does not run", { state: "inactive\n" }, []],
  ["cannot be stopped any more", { state: "active\n", nowayout: "1\n" }, []],
])("whoever comes after a dead device disarms one that %s, and starts none", async (_, is, all) => {
  const { calls, done } = standIn(is);
  await disarmWatchdog("/dev/watchdog", calls);
  expect(done).toEqual(all);
});

test("and is told where somebody else feeds it", async () => {
  const { calls } = standIn({ opens: "EBUSY", state: "active" });
  await expect(disarmWatchdog("/dev/watchdog", calls)).rejects.toThrow(/somebody else feeds it/);
});

function feeder(is: StandIn) {
  const stand = standIn(is);
  const said: string[] = [];
  const feeds = openWatchdogFeeder(
    "/dev/watchdog",
    {
      onArmed: ({ timeoutMs }) => said.push(`armed ${timeoutMs}`),
      onLost: ({ message }) => said.push(message),
    },
    (at) => openWatchdog(at, stand.calls),
  );
  return { ...stand, said, feeds };
}

test("a device arms it once, feeds it from then on, and disarms it in the end", async () => {
  const { feeds, done, said } = feeder({});
  feeds.feed();
  expect([feeds.arm(), feeds.arm()]).toEqual([40_000, 40_000]);
  feeds.feed();
  await feeds.close();
  await feeds.close();
  feeds.arm();
  expect(done).toEqual(["open", ".", "V", "close"]);
  expect(said).toEqual(["armed 40000"]);
});

test("a board without one says so once and goes on; so does one that loses it", () => {
  const none = feeder({ opens: "ENOENT" });
  expect(none.feeds.arm()).toBeUndefined();
  none.feeds.feed();
  expect(none.said).toEqual([expect.stringContaining("there is none")]);
  const pulled = feeder({});
  pulled.feeds.arm();
  pulled.state.pulled = true;
  pulled.feeds.feed();
  pulled.feeds.feed();
  expect(pulled.said).toEqual(["armed 40000", "/dev/watchdog cannot be fed: EIO"]);
});

test("one that misses a word is fed on, so that it resets nobody for nothing, and disarmed in the end", async () => {
  const { feeds, state, said, done } = feeder({});
  feeds.arm();
  for (const pulled of [true, true, false, true, false]) {
    state.pulled = pulled;
    feeds.feed();
  }
  await feeds.close();
  expect(done).toEqual(["open", ".", ".", "V", "close"]);
  // Once each time that it begins.
  expect(said.slice(1)).toEqual(Array(2).fill("/dev/watchdog cannot be fed: EIO"));
});

test("a device whose file names none opens none", async () => {
  let opened = 0;
  const events = { onArmed: () => opened++, onLost: () => opened++ };
  const feeds = openWatchdogFeeder(undefined, events, (path) => {
    opened++;
    return openWatchdog(path, standIn().calls);
  });
  expect(feeds.arm()).toBeUndefined();
  feeds.feed();
  await feeds.close();
  expect(opened).toBe(0);
});

test("the service manager has ended a device that hangs, by force too, before the hardware acts", () => {
  const unit = readFileSync(new URL("../../../deploy/sluice.service", import.meta.url), "utf8");
  const secondsOf = (name: string): number =>
    Number(new RegExp(`^${name}=(\\d+)$`, "m").exec(unit)?.[1]);
  const endedS = secondsOf("WatchdogSec") + secondsOf("TimeoutAbortSec");
  // What opens the outputs then is a program that has to start, on a computer that is not well.
  const { timeoutMs } = openWatchdog("/dev/watchdog", standIn().calls);
  expect(timeoutMs / 1000).toBeGreaterThanOrEqual(endedS + 15);
});

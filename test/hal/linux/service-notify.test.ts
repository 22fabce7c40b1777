// What a service manager is told, over real datagram sockets; and what is refused as a socket's name.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HalError } from "../../../hal/hal-error.ts";
import { errorName, loadNative } from "../../../hal/linux/native.ts";
import { openServiceNotify } from "../../../hal/linux/service-notify.ts";
import { type Datagrams, datagramsMissing, listenDatagrams } from "../../support/datagrams.ts";

const PID = 4711;
const missing = datagramsMissing();
let folder: string;
let open: Datagrams[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-notify-"));
  open = [];
});

afterEach(async () => {
  for (const each of open) await each.close();
  rmSync(folder, { recursive: true });
});

const listen = async (name: string): Promise<Datagrams> => {
  const manager = await listenDatagrams(name);
  open.push(manager);
  return manager;
};

describe.each([
  ["a path", () => join(folder, "notify")],
  ["the abstract space", () => `@sluice-notify-${process.pid}`],
])("a socket in %s", (_, nameOf) => {
  test("hears ready, alive and stopping, each as a datagram of its own", async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const name = nameOf();
    const manager = await listen(name);
    const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: "15000000", WATCHDOG_PID: String(PID) };
    const notify = openServiceNotify(env, PID);
    notify?.ready();
    notify?.alive();
    notify?.stopping();
    await vi.waitFor(() => {
      expect(manager.texts).toEqual(["READY=1\n", "WATCHDOG=1\n", "STOPPING=1\n"]);
    });
  });
});

test.each([
  ["no time is set", {}],
  ["the time is for another process", { WATCHDOG_USEC: "15000000", WATCHDOG_PID: "1" }],
  ["the time is none", { WATCHDOG_USEC: "0" }],
  ["the time is no number", { WATCHDOG_USEC: "1e9" }],
])("life is not told of where %s", (_, watchdog) => {
  const sent: string[] = [];
  const notify = openServiceNotify({ NOTIFY_SOCKET: "/x", ...watchdog }, PID, (_to, bytes) =>
    sent.push(String(bytes)),
  );
  notify?.ready();
  notify?.alive();
  expect(sent).toEqual(["READY=1\n"]);
});

const WATCHED = { NOTIFY_SOCKET: "/x", WATCHDOG_USEC: "15000000" };

test("nothing is said of life before we are ready: with the first word the manager's clock would run", () => {
  const sent: string[] = [];
  const notify = openServiceNotify(WATCHED, PID, (_to, bytes) => sent.push(String(bytes)));
  notify?.alive();
  notify?.ready();
  notify?.alive();
  expect(sent).toEqual(["READY=1\n", "WATCHDOG=1\n"]);
});

test.each([
  [undefined, "", WATCHED],
  [40_000, "", WATCHED],
  [22_500, "", WATCHED],
  [15_000, "WATCHDOG_USEC=10000000\n", WATCHED],
  [10_000, "WATCHDOG_USEC=6666000\n", WATCHED],
  [15_000, "", { NOTIFY_SOCKET: "/x" }],
])(
  "where the hardware waits %s ms the manager is told %j, so that it acts first",
  (ms, words, env) => {
    const sent: string[] = [];
    openServiceNotify(env, PID, (_to, bytes) => sent.push(String(bytes)))?.ready(ms);
    expect(sent).toEqual([`READY=1\n${words}`]);
  },
);

test("what a manager could not take goes with what it takes next; old words of life do not", () => {
  const sent: string[] = [];
  let answer = -11;
  const notify = openServiceNotify(WATCHED, PID, (_to, bytes) => {
    if (answer >= 0) sent.push(String(bytes));
    return answer;
  });
  notify?.ready();
  notify?.alive();
  notify?.alive();
  answer = 1;
  notify?.alive();
  notify?.alive();
  expect(sent).toEqual(["READY=1\n", "WATCHDOG=1\n"]);
});

test("without a manager there is nobody to tell", () => {
  expect(openServiceNotify({}, PID)).toBeUndefined();
  expect(openServiceNotify({ NOTIFY_SOCKET: "" }, PID)).toBeUndefined();
});

test.each(["relative", "@", "/", "vsock:2:99", "/a\0b", `/${"x".repeat(107)}`])(
  "refuses the socket %j",
  (name) => {
    expect(() => openServiceNotify({ NOTIFY_SOCKET: name }, PID)).toThrow(HalError);
    expect(() => openServiceNotify({ NOTIFY_SOCKET: name }, PID)).toThrow(/NOTIFY_SOCKET/);
  },
);

test("a datagram to nobody is an error of the kernel's; no address at all is thrown", () => {
  const { sendDatagram } = loadNative();
  const nobody = sendDatagram(Buffer.from(join(folder, "nobody")), Buffer.from("x"));
  expect(errorName(nobody)).toBe("ENOENT");
  expect(() => sendDatagram(Buffer.alloc(0), Buffer.from("x"))).toThrow(/no such address/);
  expect(() => sendDatagram(Buffer.alloc(108, 0x2f), Buffer.from("x"))).toThrow(/no such address/);
});

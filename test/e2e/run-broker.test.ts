// `sluice run` and where its broker is: addresses as people write them, a login in them, and a state file that
// cannot be written.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive } from "./program.ts";
import { Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

const stateFile = () => join(site.folder, "sluice", "broker.json");

test("a device goes on without its state file, says so, and stops when told", async () => {
  const notDirectory = join(site.folder, "file");
  writeFileSync(notDirectory, "");
  const device = await site.startDevice({ env: { XDG_RUNTIME_DIR: notDirectory } });
  const [warning] = device.program.of("warning");
  expect(warning?.["message"]).toMatch(/broker\.json cannot be written .*--broker mqtt:/);
  const buyer = site.consume(device, "buyer", ["services"]);
  expect(await buyer.ended()).toBe(0);
  device.program.signal("SIGTERM");
  expect(await device.program.ended()).toBe(0);
  expect(isAlive(device.loopPid)).toBe(false);
});

test("a broker's address with a path is one that buyers find", async () => {
  const { port } = await site.startMosquitto();
  const broker = `mqtt://127.0.0.1:${port}/`;
  const device = site.start(["run", "--json", "--data", site.data, "--broker", broker]);
  expect((await device.until("ready"))["broker"]).toBe(`mqtt://127.0.0.1:${port}`);
  const buyer = await site.run(["services", "--json", "--identity", site.identity("buyer")]);
  expect(buyer.of("broker")[0]).toMatchObject({ from: "running-device" });
  expect(await buyer.ended()).toBe(0);
});

test("I12: a login in the broker's address is used, and neither told nor kept", async () => {
  const { port } = await site.startMosquitto();
  const seen: Buffer[] = [];
  const { port: own, sockets } = await recorder(port, seen);
  const broker = `mqtt://me:s3%20cret@127.0.0.1:${own}`;
  const device = site.start(["run", "--json", "--data", site.data, "--broker", broker]);
  expect((await device.until("ready"))["broker"]).toBe(`mqtt://127.0.0.1:${own}`);
  expect(existsSync(stateFile())).toBe(true);
  const told = device.output + readFileSync(stateFile(), "utf8");
  expect(told).not.toMatch(/s3|cret|me:/);
  expect(Buffer.concat(seen).toString("latin1")).toContain("\u0000\u0002me\u0000\u0007s3 cret");
  device.signal("SIGTERM");
  expect(await device.ended()).toBe(0);
  for (const socket of sockets) socket.destroy();
});

test("an address that is none is wrong usage, and is not repeated", async () => {
  const device = await site.run(["run", "--data", site.data, "--broker", "http://me:s3cret@h"]);
  expect(await device.ended()).toBe(2);
  expect(device.output).toContain("mqtt://HOST:PORT");
  expect(device.output).not.toContain("s3cret");
});

/** Passes a connection on to the broker and keeps what came from the client. */
async function recorder(
  port: number,
  seen: Buffer[],
): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const up = connect(port, "127.0.0.1");
    for (const socket of [client, up]) {
      sockets.push(socket);
      socket.on("error", () => undefined);
    }
    client.on("data", (bytes: Buffer) => seen.push(bytes));
    client.pipe(up).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.onClose(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, sockets };
}

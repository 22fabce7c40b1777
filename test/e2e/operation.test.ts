// An operator's commands from a second terminal, without options, against a device that was just started; and
// what they leave behind over a restart.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeKeyFile } from "../../hal/linux/key-file.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import type { Line } from "./program.ts";
import { type Device, Site } from "./site.ts";

const site = new Site();
let device: Device;
beforeAll(async () => {
  device = await site.startDevice();
});
afterAll(() => site.close());

async function command(args: readonly string[], exitCode = 0): Promise<readonly Line[]> {
  const program = await site.run([...args, "--json"]);
  expect(await program.ended(), program.output).toBe(exitCode);
  return program.lines;
}

function only(lines: readonly Line[], step: string): Line {
  const found = lines.filter((line) => line["step"] === step || line["type"] === step);
  expect(found).toHaveLength(1);
  return found[0] ?? {};
}

test("a service is added, bought and removed; what is withdrawn is reached all the same", {
  timeout: 60_000,
}, async () => {
  const file = join(site.folder, "service.yaml");
  writeFileSync(
    file,
    `{ id: 9, name: Fast, outlet: socket-1, meter: energy, unitsMax: 10, tokenLifeHours: 1,
       undelivered: refund, prices: [{ id: 1, name: Day, amountMinor: 60, currency: EUR }] }`,
  );
  expect(only(await command(["service", "add", "--file", file]), "service-add")).toMatchObject({
    device: device.id,
    service: 9,
  });
  expect(only(await command(["service", "add", "--file", file], 1), "fault")).toMatchObject({
    kind: "exists",
  });
  const nine = ["--service", "9", "--price", "2", "--units", "1"];
  await command(["price", "set", "--service", "9", "--id", "2", "--price", "30:EUR:Night"]);
  expect(only(await command(["buy", ...nine]), "pay")).toMatchObject({ totalMinor: 30 });
  await command(["broadcast", "stop"]);
  expect(only(await command(["services", "--timeout", "1"], 1), "fault")).toMatchObject({
    kind: "not-found",
  });
  await command(["price", "remove", "--service", "9", "--id", "2"]);
  await command(["broadcast", "start"]);
  const listed = (await command(["service", "list"])).filter(({ step }) => step === "service");
  expect(listed.at(-1)).toMatchObject({ id: 9, origin: "changed", prices: [{ id: 1 }] });
  expect(listed[0]).toMatchObject({ id: 1, origin: "file" });
  const shown = (await command(["services"])).filter(({ step }) => step === "services");
  expect(shown.map(({ service, origin }) => `${service} ${origin}`)).toEqual([
    "1 file",
    "2 file",
    "9 changed",
  ]);

  device.program.signal("SIGTERM");
  expect(await device.program.ended()).toBe(0);
  device = await site.startDevice();
  expect(only(await command(["status", "--device"]), "status")).toMatchObject({
    device: device.id,
    ready: true,
    reasons: [],
    epoch: 2,
    dropped: 0,
  });
  const outlets = (await command(["outlet"])).filter(({ step }) => step === "outlet");
  expect(outlets.map(({ outlet, ready }) => [outlet, ready])).toEqual([
    ["socket-1", true],
    ["socket-2", true],
  ]);
  await command(["service", "remove", "9", "--refund"]);
  expect(only(await command(["service", "remove", "9"], 1), "fault")).toMatchObject({
    kind: "service-unknown",
  });
  const audited = (await command(["audit"])).filter(({ step }) => step === "audit");
  expect(audited.map(({ action }) => action)).toEqual([
    ...["service-remove", "service-remove", "broadcast-start"],
    ...["price-remove", "broadcast-stop", "price-set", "service-add", "service-add"],
  ]);
});

test("a wrong key is refused plainly, and a command that is no command is called wrongly", {
  timeout: 30_000,
}, async () => {
  const other = join(site.folder, "other.pem");
  writeKeyFile(other, "ed25519", openSystemEntropy().bytes(32));
  const refused = await command(["outlet", "open", "socket-1", "--operator-key", other], 1);
  expect(only(refused, "fault")).toMatchObject({
    kind: "not-operator",
    message: expect.stringContaining("--operator-key"),
  });
  for (const wrong of [
    ["service"],
    ["service", "remove"],
    ["service", "add", "--id", "3"],
    ["price", "set", "--service", "1", "--id", "1", "--price", "cheap"],
    ["broadcast", "stop", "--for", "3"],
    ["outlet", "close", "socket-1"],
  ]) {
    expect(only(await command(wrong, 2), "fault")).toMatchObject({ kind: "usage" });
  }
});

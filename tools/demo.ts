// `make demo`: one whole sale on a bench, told in plain words. A device and a buyer as processes of their own,
// in a folder that is removed afterwards; exit code 0 only when the receipt is good and the device stopped well.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "../firmware/assert.ts";
import { formatMinor } from "../firmware/money.ts";
import { countText } from "../firmware/units.ts";
import { type Child, type Fact, startSluice } from "./child.ts";

const LIMIT_MS = 14_000;
const DEVICE_FILE = new URL("../../boards/virtual-charger.yaml", import.meta.url);

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const money = (fact: Fact, name: string): string =>
  formatMinor(Number(fact[name]), String(fact["currency"]));

/** What the buyer's steps mean; steps that are not here go without a word. */
const STEPS: Readonly<Record<string, (fact: Fact) => string>> = {
  init: (f) => `buyer     found "${f["name"]}", vouched for by ${f["operator"]}`,
  services: (f) => `buyer     it sells: ${f["name"]}`,
  prices: (f) => `buyer     at ${money(f, "amountMinor")} ${f["name"]}`,
  select: (f) =>
    `buyer     has a signed offer: ${f["units"]} ${f["unit"]} for ${money(f, "totalMinor")}`,
  pay: (f) => `buyer     paid ${money(f, "totalMinor")}`,
  begin: () => "buyer     asked for delivery",
  progress: (f) =>
    `meter     ${countText(Number(f["pulses"]), "pulse")}, ${money(f, "amountMinor")}`,
  end: (f) => `meter     stopped at ${countText(Number(f["pulses"]), "pulse")}: ${f["stop"]}`,
};

const children: Child[] = [];

async function demo(folder: string): Promise<void> {
  const text = readFileSync(DEVICE_FILE, "utf8");
  const onFreePort = text.replace("port: 1883", "port: 0");
  assert(onFreePort !== text, "the device file of the charger names its port");
  const deviceFile = join(folder, "charger.yaml");
  writeFileSync(deviceFile, onFreePort);
  const runtime = join(folder, "run");
  mkdirSync(runtime, { mode: 0o700 });
  const data = join(folder, "device");
  const { child: device, ready } = await startDevice(deviceFile, data, runtime);
  say(
    `device    ${ready["device"]} sells at ${ready["broker"]}, ready after ${ready["readyMs"]} ms`,
  );

  const operator = join(data, "keys", "operator.pub");
  const receipt = join(folder, "receipt.json");
  const to = ["--broker", String(ready["broker"]), "--identity", join(folder, "buyer")];
  const trust = ["--operator", operator];
  let receipts = 0;
  await finish(["buy", ...to, ...trust, "--save", receipt], runtime, (fact) => {
    if (fact["step"] === "receipt") receipts++;
    const told = STEPS[String(fact["step"])]?.(fact);
    if (told !== undefined) say(told);
  });
  say(`buyer     has ${receipts} signed receipts`);
  await finish(["verify", receipt, ...trust], runtime, () => undefined);
  say("anybody   checked offer, token and receipts with the operator's public key: all good");

  device.process.kill("SIGINT");
  const { code, error } = await device.ended;
  if (code !== 0) throw new Error(`the device stopped with exit code ${code}: ${error}`);
  say("device    stopped: outputs open, broadcast withdrawn");
}

async function startDevice(file: string, data: string, runtime: string) {
  let child: Child | undefined;
  const ready = await new Promise<Fact>((resolve, reject) => {
    child = startSluice(["run", "--device", file, "--data", data], runtime, (fact) => {
      if (fact["type"] === "ready") resolve(fact);
      if (fact["type"] === "fault") reject(new Error(`the device: ${fact["message"]}`));
    });
    children.push(child);
    void child.ended.then(({ code, error }) =>
      reject(new Error(`the device ended with exit code ${code}: ${error}`)),
    );
  });
  assert(child !== undefined, "a device that is ready runs");
  return { child, ready };
}

async function finish(
  args: readonly string[],
  runtime: string,
  onFact: (fact: Fact) => void,
): Promise<void> {
  let fault = "";
  const child = startSluice(args, runtime, (fact) => {
    if (fact["type"] === "fault") fault = String(fact["message"]);
    onFact(fact);
  });
  children.push(child);
  const { code, error } = await child.ended;
  if (code !== 0) throw new Error(`sluice ${args[0]}, exit code ${code}: ${fault || error}`);
}

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-demo-"));
  let limit: NodeJS.Timeout | undefined;
  try {
    const stopped = new Promise<never>((_, reject) => {
      limit = setTimeout(() => reject(new Error(`not done after ${LIMIT_MS} ms`)), LIMIT_MS);
      for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => reject(new Error(name)));
    });
    await Promise.race([demo(folder), stopped]);
    say(`demo      done in ${(performance.now() / 1000).toFixed(1)} s`);
    return 0;
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    clearTimeout(limit);
    for (const child of children) child.process.kill("SIGKILL");
    await Promise.all(children.map(({ ended }) => ended));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

process.exitCode = await main();

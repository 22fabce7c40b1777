// What `npm pack` makes, unpacked as a user has it: in an empty project, beside what it depends on and nothing else of ours.
// The example of examples/own-charger runs there, its types are checked there, and a program sells and buys with it.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLE = join(ROOT, "examples/own-charger");
/** Of the user's own project. */
const TOOLS = ["vitest", "typescript", "@types/node"];
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
  exports: Record<string, unknown>;
};
const MINUTES = 60_000;

const folder = mkdtempSync(join(tmpdir(), "sluice-package-"));
const project = join(folder, "project");
const modules = join(project, "node_modules");

function run(command: string, args: readonly string[], cwd = project) {
  const done = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 3 * MINUTES });
  return { status: done.status, text: `${done.stdout}${done.stderr}` };
}

/** Runs a program of the project; what it printed. */
function program(source: string): string {
  // Where the project's compiler does not look.
  const file = join(project, "programs/program.mjs");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  const { status, text } = run(process.execPath, [file]);
  if (status !== 0) throw new Error(text);
  return text;
}

beforeAll(() => {
  cpSync(EXAMPLE, project, { recursive: true });
  const packed = run("npm", ["pack", "--offline", "--pack-destination", folder], ROOT);
  const [archive] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  if (archive === undefined) throw new Error(packed.text);
  mkdirSync(modules);
  const unpacked = run("tar", ["xzf", join(folder, archive), "-C", modules], folder);
  if (unpacked.status !== 0) throw new Error(unpacked.text);
  cpSync(join(modules, "package"), join(modules, "sluice"), { recursive: true });
  // Native parts take minutes to compile: what is installed here stands for what npm would install.
  for (const name of [...Object.keys(MANIFEST.dependencies), ...TOOLS]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
}, 3 * MINUTES);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a device file and a flow service of a user's own", () => {
  test("are tested in vitest, in virtual time", () => {
    const { status, text } = run(process.execPath, [
      ...["node_modules/vitest/vitest.mjs", "run"],
      // A busy computer is no fault of the example's.
      "--testTimeout=60000",
    ]);
    expect(status, text).toBe(0);
    expect(text).toMatch(/Tests .*4 passed/);
  });

  test("are checked by the compiler: the types of the package are there, and are no `any`", () => {
    const compile = ["node_modules/typescript/bin/tsc", "-p", "."];
    const right = run(process.execPath, compile);
    expect(right.status, right.text).toBe(0);
    const wrong = [
      `import { openTestBench } from "sluice/bench";`,
      `import { openConsumer } from "sluice/consumer";`,
      `import { openProducer } from "sluice/producer";`,
      `openTestBench({ devices: { a: { file: 1 } } });`,
      `openTestBench({ devices: {} }).then((bench) => bench.state().boards[0]?.outlets[0]?.flown);`,
      `openConsumer({ broker: 1, folder: "" });`,
      `openProducer({ file: "", data: "" }).then((one) => one.ok && one.value.producer.nothing());`,
    ];
    writeFileSync(join(project, "wrong.ts"), `${wrong.join("\n")}\n`);
    const { status, text } = run(process.execPath, compile);
    rmSync(join(project, "wrong.ts"));
    expect(status).not.toBe(0);
    const lines = [...text.matchAll(/^wrong\.ts\((\d+),/gm)].map(([, line]) => Number(line));
    expect(lines, text).toEqual([4, 5, 6, 7]);
  });
});

test("what the package offers can be had, and nothing else of it", () => {
  const offered = Object.keys(MANIFEST.exports).filter((name) => name !== "./package.json");
  const inside = ["build/hal/sim/world.js", "build/tools/sluice.js", "bench/site"];
  const told = program(`
    const names = async (path) => Object.keys(await import(path)).sort();
    const why = (path) => import(path).then(() => "is there", ({ code }) => code);
    const told = {};
    for (const name of ${JSON.stringify(offered)}) told[name] = await names("sluice" + name.slice(1));
    for (const path of ${JSON.stringify(inside)}) told[path] = await why("sluice/" + path);
    console.log(JSON.stringify(told));
  `);
  expect(JSON.parse(told)).toEqual({
    "./bench": ["TestBench", "openTestBench"],
    "./consumer": ["openConsumer"],
    "./flow-service": expect.arrayContaining(["definePaymentFlowService"]),
    "./producer": ["openProducer"],
    ...Object.fromEntries(inside.map((path) => [path, "ERR_PACKAGE_PATH_NOT_EXPORTED"])),
  });
});

test("a program sells, and buys from itself over its own broker", () => {
  const told = program(`
    import { openConsumer } from "sluice/consumer";
    import { openProducer } from "sluice/producer";
    const value = (result) => {
      if (!result.ok) throw new Error(JSON.stringify(result.fault));
      return result.value;
    };
    const device = value(await openProducer({ file: "my-charger.yaml", data: "data" }));
    const buyer = value(await openConsumer({ broker: device.brokerUrl, folder: "me", trustNew: true }));
    const { consumer } = buyer;
    const found = value(await consumer.discover({ timeoutMs: 20_000, enough: () => true }));
    const dealer = value(await consumer.init(found[0]));
    const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
    const card = { number: "4111111111111111", expiryYear: 30, expiryMonth: 12 };
    const paid = value(await dealer.pay(purchase, card));
    value(await dealer.begin(paid, undefined, () => undefined));
    const settled = await dealer.settled(paid, 20_000);
    console.log(JSON.stringify({ state: settled.state, receipts: settled.receipts.length }));
    await buyer.close();
    await device.close();
  `);
  expect(JSON.parse(told.trim().split("\n").at(-1) ?? "")).toEqual({
    state: "closed",
    receipts: 2,
  });
});

test("the command comes with it, and finds what it needs", () => {
  const command = join(modules, "sluice/build/tools/sluice.js");
  const { status, text } = run(process.execPath, [command, "--version"]);
  expect([status, text.trim()]).toEqual([0, expect.stringMatching(/\d+\.\d+/)]);
  const scenario = join(modules, "sluice/scenarios/happy-sale.yaml");
  const ran = run(process.execPath, [command, "bench", "run", scenario]);
  expect(ran.status, ran.text).toBe(0);
});

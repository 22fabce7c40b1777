// cbor-x, tweetnacl's box and mqtt are the path of every sale: each is imported in one file, and with its
// working parts taken out nothing is sold and nothing bought.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { receiptsOf, Site } from "./site.ts";

const ROOT = join(import.meta.dirname, "../..");
const TAKE_OUT = join(ROOT, "test/support/without-package.mjs");

const PACKAGES = [
  ["cbor-x", "firmware/protocol/cbor.ts"],
  ["tweetnacl", "hal/drivers/nacl-crypto.ts"],
  ["mqtt", "hal/linux/mqtt-link.ts"],
] as const;

function without(name: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import ${TAKE_OUT}`, SLUICE_TEST_WITHOUT: name };
}

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

test.each(PACKAGES)("%s is imported in %s and nowhere else", (name, file) => {
  const importing = ["firmware", "hal", "boards", "tools"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => `${folder}/${path}`)
      .filter((path) =>
        new RegExp(`(from|import) ?\\(?"${name}"`).test(readFileSync(join(ROOT, path), "utf8")),
      ),
  );
  expect(importing).toEqual([file]);
});

test("without any of them a consumer cannot buy from a device that sells to others", async () => {
  const device = await site.startDevice();
  for (const [name] of PACKAGES) {
    const hampered = site.consume(device, "payer", ["buy", "--timeout", "1"], without(name));
    expect(await hampered.ended(), name).not.toBe(0);
    expect(hampered.of("select"), name).toEqual([]);
  }
  expect(site.charges()).toEqual([]);
  const whole = site.consume(device, "payer", ["buy", "--timeout", "1"]);
  expect(await whole.ended()).toBe(0);
  expect(receiptsOf(whole)).toHaveLength(2);
});

test.each(PACKAGES)("without %s a device does not sell", async (name) => {
  // Keys and certificate are there: it is not their making that fails.
  const made = await site.run(["provision", "--json", "--data", site.data, "--bench"]);
  expect(await made.ended()).toBe(0);
  const hampered = await site.launchDevice({ env: without(name) });
  if (name === "tweetnacl") {
    const broker = String((await hampered.until("ready"))["broker"]);
    site.start(["buy", "--json", "--broker", broker, "--identity", site.identity("payer")]);
  }
  expect(await hampered.ended()).not.toBe(0);
  expect(hampered.output).toContain(`taken out: ${name}`);
  expect(site.charges()).toEqual([]);
});

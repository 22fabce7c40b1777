// A device file that names an acquirer, as a stranger writes it: one sale, some money back, the end of the batch; and
// the acquirer's settlement report is what the device's own history says.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../hal/linux/sqlite-store.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import type { Line } from "./program.ts";
import { freePort, Site, sum } from "./site.ts";

const MERCHANT = "{ merchantId: M1, terminalId: T1, merchantName: My charger }";

/** The stock device with another host, and a broker of its own. */
async function deviceFile(site: Site, acquirerPort: number): Promise<string> {
  const stock = readFileSync(new URL("../../boards/virtual-charger.yaml", import.meta.url), "utf8");
  const path = join(site.folder, "device.yaml");
  const host = `{ kind: iso8583, host: 127.0.0.1, port: ${acquirerPort}, test: true, merchant: ${MERCHANT} }`;
  const text = stock.replace("port: 1883", `port: ${await freePort()}`);
  writeFileSync(path, `${text}\npayment:\n  host: ${host}\n`);
  return path;
}

test("I1: a device with an acquirer: its settlement report is the device's history", async () => {
  const site = new Site();
  try {
    const journal = join(site.folder, "acquirer.jsonl");
    const acquirer = site.start(["acquirer", "--json", "--port", "0", "--journal", journal]);
    const port = Number((await acquirer.until("ready"))["port"]);
    const file = await deviceFile(site, port);
    const device = site.start(["run", "--json", "--device", file, "--data", site.data]);
    const ready = await device.until("ready");
    const where = ["--broker", String(ready["broker"]), "--identity", site.identity("ann")];
    const command = async (...args: string[]): Promise<readonly Line[]> => {
      const program = site.start([...args, "--json", ...where]);
      expect([args[0], await program.ended()]).toEqual([args[0], 0]);
      return program.lines;
    };
    const bought = await command("buy", "--units", "2");
    const order = bought.find(({ order }) => typeof order === "string")?.["order"];
    await command("refund", String(order), "--amount", "20");
    const closed = (await command("request", "batchClosure")).at(-1);
    expect(closed).toMatchObject({
      outcome: "success",
      data: {
        capturedMinor: { value: 90 },
        refundedMinor: { value: 20 },
        inBalance: { value: true },
      },
    });
    const history = (await command("history")).filter(({ type }) => type !== "batchClosure");
    const report = await site.run(["acquirer", "report", "--json", "--journal", journal]);
    const net = (type: string): number =>
      sum(
        history.filter((line) => line["type"] === type),
        "processedMinor",
      );
    expect([net("sale"), net("refund")]).toEqual([90, 20]);
    expect(report.of("payment")).toMatchObject([
      { terminal: "T1", capturedMinor: 90, refundedMinor: 20, netMinor: 70 },
    ]);
    expect(report.of("batch")).toMatchObject([{ batch: "000001", inBalance: true }]);
    device.signal("SIGTERM");
    expect(await device.ended()).toBe(0);
    const books = await openSqliteStore(join(site.data, "payment-iso8583.db"));
    const kinds = ["iso-attempt", "iso-charge", "iso-credential", "iso-item", "iso-open"];
    const stored = JSON.stringify(await Promise.all(kinds.map((kind) => books.list(kind))));
    await books.close();
    const all = stored + device.output + acquirer.output + readFileSync(journal, "utf8");
    expect(stored).toContain('"state\\":\\"decided');
    expect(all).not.toContain(TEST_CARDS.approve);
  } finally {
    await site.close();
  }
}, 60_000);

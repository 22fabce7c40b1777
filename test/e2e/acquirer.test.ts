// `sluice acquirer` as a process of its own: the ISO 8583 host pays at it, it is killed in mid-conversation, and its
// report says what the host's books say.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { ChargeRecord } from "../../hal/drivers/iso8583-books.ts";
import type { Iso8583Host } from "../../hal/drivers/iso8583-host.ts";
import { openIso8583Host } from "../../hal/linux/iso8583-host.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { HostAnswer } from "../../hal/payment-host.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import type { HostBench } from "../contract/payment-host-bench.ts";
import { order, paying } from "../contract/payment-host-payer.ts";
import { Program, pause } from "./program.ts";

const crypto = openNodeCrypto();
const PAYMENTS = 24;
const programs: Program[] = [];
const hosts: Iso8583Host[] = [];
let folder = "";

afterEach(async () => {
  for (const host of hosts.splice(0)) host.close();
  for (const program of programs.splice(0)) await program.kill();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
  folder = "";
});

function sluice(...args: readonly string[]): Program {
  const program = new Program(args, process.env);
  programs.push(program);
  return program;
}

function newFolder(): string {
  folder = mkdtempSync(join(tmpdir(), "sluice-acquirer-"));
  return folder;
}

async function start(journal: string, port = 0): Promise<{ program: Program; port: number }> {
  const args = ["--port", String(port), "--journal", journal];
  const program = sluice("acquirer", "--json", ...args);
  const ready = await program.until("ready");
  return { program, port: Number(ready["port"]) };
}

async function openHost(port: number) {
  const disk = simStore();
  const host = await openIso8583Host(
    { host: "127.0.0.1", port },
    {
      ...{ terminalId: "TERM0001", merchantId: "M1", merchantName: "Harbour" },
      ...{ clock: openSystemClock(), crypto, simulated: true, answerMs: 1_000 },
      ...{ secretKey: new Uint8Array(32).fill(0x55), store: disk.store() },
    },
  );
  hosts.push(host);
  return { host, disk };
}

async function insist(call: () => Promise<HostAnswer>): Promise<HostAnswer> {
  for (;;) {
    const answer = await call();
    if (answer.kind !== "no-answer") return answer;
  }
}

async function pay(host: Iso8583Host, number: number): Promise<void> {
  const bench = { crypto, host, cards: TEST_CARDS } as unknown as HostBench;
  const key = `${order(number)}/1`;
  const sealed = paying(bench, { nonce: number });
  const held = await insist(() => host.authorise(`${key}/authorise`, ...sealed));
  if (held.kind !== "approved") throw new Error(JSON.stringify(held));
  const { reference } = held;
  const eur = (amountMinor: number) => ({ amountMinor, currency: "EUR" });
  const taken = eur(100 + number);
  await insist(() => host.capture(`${key}/capture`, reference, taken, new Uint8Array(4)));
  if (number % 3 === 0) await insist(() => host.refund(`${key}/refund`, reference, eur(50)));
  if (number % 5 === 0) {
    await insist(() => host.reverse(`${key}/reverse`, `${key}/authorise`));
  }
}

describe("sluice acquirer", () => {
  test("I2: SIGKILL in mid-conversation takes nothing back and doubles nothing", async () => {
    const journal = join(newFolder(), "acquirer.jsonl");
    const { program, port } = await start(journal);
    const { host, disk } = await openHost(port);
    let running: Program = program;
    const numbers = Array.from({ length: PAYMENTS }, (_, index) => index + 1);
    const all = Promise.all(numbers.map((number) => pay(host, number)));
    for (let kill = 1; kill <= 2; kill++) {
      await running.until("message", ({ trace }) => Number(trace) >= 12 * kill);
      await running.kill();
      running = (await start(journal, port)).program;
    }
    await all;
    const closed = await host.closeBatch("batch/1");
    expect(closed).toMatchObject({ kind: "closed", batch: "000001", inBalance: true });
    const report = sluice("acquirer", "report", "--journal", journal, "--json");
    expect(await report.ended()).toBe(0);
    const payments = new Map(report.of("payment").map((line) => [line["reference"], line]));
    const charges = disk.durable("iso-charge");
    expect(payments.size).toBe(PAYMENTS);
    expect(charges).toHaveLength(PAYMENTS);
    let netMinor = 0;
    for (const { id, body } of charges) {
      const { capturedMinor, refundedMinor, reversed } = JSON.parse(body) as ChargeRecord;
      const net = reversed ? 0 : capturedMinor - refundedMinor;
      netMinor += net;
      expect(payments.get(id)).toMatchObject({ capturedMinor, refundedMinor, netMinor: net });
    }
    expect(netMinor).toBeGreaterThan(0);
    const [batch] = report.of("batch");
    const {
      capturedMinor = 0,
      refundedMinor = 0,
      returnedMinor = 0,
    } = batch as Record<string, number>;
    expect(batch).toMatchObject({ batch: "000001", currency: "EUR", inBalance: true });
    expect(capturedMinor - refundedMinor - returnedMinor).toBe(netMinor);
    expect(report.of("sum")).toMatchObject([{ currency: "EUR", payments: PAYMENTS, netMinor }]);
    expect(running.output + report.output + readFileSync(journal, "utf8")).not.toContain(
      TEST_CARDS.approve,
    );
  }, 60_000);

  test("Ctrl-C prints the settlement report, and people are shown each message", async () => {
    newFolder();
    const rules = join(folder, "rules.yaml");
    const rule = "{ on: refund, effect: decline, code: '61' }";
    writeFileSync(rules, `version: 1\nrules:\n  - ${rule}\n`);
    const program = sluice("acquirer", "--port", "0", "--rules", rules);
    while (!/:(\d+) {2}ISO/.test(program.output)) await pause(20);
    const { host } = await openHost(Number(/:(\d+) {2}ISO/.exec(program.output)?.[1]));
    await pay(host, 3);
    program.signal("SIGINT");
    expect(await program.ended()).toBe(0);
    for (const text of [
      "0100  000001  411111******1111  10.00 EUR  -> 00",
      "0200  000003  411111******1111  0.50 EUR  -> 61",
      "411111******1111  captured 1.03 EUR  net 1.03 EUR",
      "     1 payments  captured 1.03 EUR  net 1.03 EUR",
    ]) {
      expect(program.output).toContain(text);
    }
  });

  test.each<[readonly string[], string, number]>([
    [["report"], "--journal is missing", 2],
    [["settle"], "the only word is report", 2],
    [["--port", "70000"], "--port is a whole number", 2],
    [["--rules", "nowhere.yaml"], "nowhere.yaml", 2],
    [["report", "--journal", "nowhere.jsonl"], "cannot be read", 1],
  ])("called with %j it says what is wrong", async (args, said, code) => {
    const program = sluice("acquirer", ...args);
    expect(await program.ended()).toBe(code);
    expect(program.output).toContain(said);
  });
});

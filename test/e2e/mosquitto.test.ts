// mosquitto with TLS, client certificates and the access list that `sluice acl` prints: a sale works, and who
// oversteps his topics achieves nothing. Judged by what is delivered: a broker may grant a subscription and
// keep it empty.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { utf8 } from "../../firmware/bytes.ts";
import type { Link, LinkWill } from "../../hal/link.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import type { TlsFiles } from "../../hal/linux/tls-files.ts";
import { type Authority, makeAuthority, type Signed } from "../support/certificates.ts";
import { mosquittoMissing, startMosquitto } from "../support/mosquitto.ts";
import { openTcpProxy } from "../support/tcp-proxy.ts";
import { pause } from "./program.ts";
import { type Device, receiptsOf, Site } from "./site.ts";

const KEPT = { retain: true };
const VICTIM = "victim_1";
const missing = mosquittoMissing();

let site: Site;
let authority: Authority;
let port = 0;
let device: Device;
/** A certificate whose common name is the device's id, as the device itself has. */
let deviceIdentity: Signed;
beforeEach(async ({ skip }) => {
  if (missing !== undefined) skip(missing);
  site = new Site();
  authority = makeAuthority(site.folder);
  const operator = join(site.folder, "operator.pem");
  const made = await site.run(["provision", "--json", "--data", site.data, "--operator", operator]);
  const id = String(made.of("provisioned")[0]?.["device"]);
  port = await startGuarded(id);
  deviceIdentity = authority.issue(id);
  const files = `ca: ca.crt, cert: ${deviceIdentity.cert}, key: ${deviceIdentity.key}`;
  device = await site.startDevice({ broker: `${address()}, ${files}` });
  expect(device.id).toBe(id);
});
afterEach(() => site?.close());

const address = () => `mqtts://127.0.0.1:${port}`;

/** mosquitto with the very settings and list that the command prints. */
async function startGuarded(id: string): Promise<number> {
  const printed = await site.run(["acl", "--json", "--device", id]);
  const [list] = printed.of("acl") as unknown as { lines: string[]; settings: string[] }[];
  const broker = authority.issue("broker", ["IP:127.0.0.1"]);
  const acl = join(site.folder, "sluice.acl");
  writeFileSync(acl, `${list?.lines.join("\n")}\n`, { mode: 0o600 });
  const files: Readonly<Record<string, string>> = {
    cafile: authority.ca,
    certfile: broker.cert,
    keyfile: broker.key,
    acl_file: acl,
  };
  const settings = (list?.settings ?? [])
    .map((setting) => setting.split(" "))
    .filter(([name = ""]) => !["listener", "per_listener_settings"].includes(name))
    .map(([name = "", value]) => `${name} ${files[name] ?? value}`);
  const mosquitto = await startMosquitto(undefined, settings);
  site.onClose(() => mosquitto.stop());
  return mosquitto.port;
}

interface Heard {
  link: Link;
  topics: string[];
  until(topic: string): Promise<void>;
}

interface As {
  clientId: string;
  username?: string;
  will?: LinkWill;
  through?: number;
}

async function enter(identity: Signed, { through = port, ...as }: As): Promise<Heard> {
  const tls: TlsFiles = { ca: authority.ca, ...identity };
  const link = await openMqttLink({ url: `mqtts://127.0.0.1:${through}`, tls, ...as });
  site.onClose(() => link.close());
  const topics: string[] = [];
  link.onMessage(({ topic, payload }) => topics.push(payload.length === 0 ? `${topic} ` : topic));
  const until = async (topic: string): Promise<void> => {
    for (let look = 0; look < 500 && !topics.includes(topic); look++) await pause(10);
    expect(topics).toContain(topic);
  };
  return { link, topics, until };
}

/** A refusal is as good as a grant of nothing. */
async function listen(to: Heard, filters: readonly string[]): Promise<void> {
  for (const filter of filters) {
    await Promise.race([to.link.subscribe(filter).catch(() => undefined), pause(1_000)]);
  }
}

function buy(person: string, identity: Signed) {
  const tls = ["--ca", authority.ca, "--cert", identity.cert, "--key", identity.key];
  return site.consume({ ...device, broker: address() }, person, ["buy", ...tls]);
}

test("a sale works, and who listens to everything hears announcements only", async () => {
  const mallory = await enter(authority.issue("mallory"), { clientId: "mallory_" });
  const filters = ["#", "+/+/+", "s1/#", "s1/q/#", "s1/r/+", `s1/q/${device.id}/+`, "s1/a/+"];
  await listen(mallory, [...filters, "$share/all/s1/r/+", "$share/all/s1/q/#"]);
  const buyer = buy("payer", authority.issue("payer"));
  expect(await buyer.ended()).toBe(0);
  expect(receiptsOf(buyer)).toHaveLength(2);
  expect(site.charges()).toMatchObject([{ capturedMinor: 45, refundedMinor: 0 }]);
  await mallory.until(`s1/a/${device.id}`);
  const others = mallory.topics.filter((topic) => topic !== `s1/a/${device.id}`);
  expect(others).toEqual([]);
});

test("what one publishes beyond his topics reaches nobody", async () => {
  const watcher = await enter(authority.issue("watcher"), { clientId: VICTIM });
  await listen(watcher, ["s1/a/+", `s1/r/${VICTIM}`]);
  const seller = await enter(deviceIdentity, { clientId: "beside" });
  await listen(seller, [`s1/q/${device.id}/+`]);
  await watcher.until(`s1/a/${device.id}`);
  watcher.topics.length = 0;
  const names = [
    { clientId: "mallory_" },
    { clientId: device.id },
    { clientId: "+" },
    { clientId: "#" },
  ];
  const all = [...names, { clientId: "mallory2", username: device.id }];
  for (const as of all) {
    const mallory = await enter(authority.issue("mallory"), as);
    for (const retain of [KEPT, undefined]) {
      mallory.link.publish(`s1/a/${device.id}`, utf8("forged"), retain);
      mallory.link.publish(`s1/a/${device.id}`, new Uint8Array(0), retain);
      mallory.link.publish("s1/a/another_one", utf8("forged"), retain);
      mallory.link.publish(`s1/r/${VICTIM}`, utf8("forged"), retain);
      mallory.link.publish(`s1/q/${device.id}/${VICTIM}`, utf8("forged"), retain);
    }
    if (/^\w+$/.test(as.clientId)) {
      mallory.link.publish(`s1/q/${device.id}/${as.clientId}`, utf8("own"));
      await seller.until(`s1/q/${device.id}/${as.clientId}`);
    } else await pause(200);
    await mallory.link.close();
  }
  seller.link.publish(`s1/r/${VICTIM}`, utf8("mark"));
  await watcher.until(`s1/r/${VICTIM}`);
  expect(watcher.topics).toEqual([`s1/r/${VICTIM}`]);
  expect(seller.topics.filter((topic) => topic.endsWith(VICTIM))).toEqual([]);
  const late = await enter(authority.issue("late"), { clientId: "latecome" });
  await listen(late, ["s1/a/+"]);
  await late.until(`s1/a/${device.id}`);
  expect(late.topics).toEqual([`s1/a/${device.id}`]);
  expect(device.program.of("fault")).toEqual([]);
});

test("a will beyond one's topics is left to nobody", async () => {
  const watcher = await enter(authority.issue("watcher"), { clientId: VICTIM });
  await listen(watcher, ["s1/a/+"]);
  await watcher.until(`s1/a/${device.id}`);
  const proxy = await openTcpProxy(port);
  site.onClose(() => proxy.close());
  const will = { topic: `s1/a/${device.id}`, payload: new Uint8Array(0) };
  const opening = enter(authority.issue("mallory"), {
    clientId: "mallory_",
    will,
    through: proxy.port,
  });
  await opening.catch(() => undefined);
  proxy.breakOff();
  await pause(300);
  expect(watcher.topics).toEqual([`s1/a/${device.id}`]);
});

test("who has no certificate of the broker's CA is not let in, and is told what is missing", async () => {
  const stranger = makeAuthority(site.folder, "stranger");
  const foreign = buy("stranger", stranger.issue("payer"));
  expect(await foreign.ended()).toBe(1);
  const without = site.consume({ ...device, broker: address() }, "nobody", [
    "buy",
    "--ca",
    authority.ca,
  ]);
  expect(await without.ended()).toBe(1);
  for (const { output } of [foreign, without]) expect(output).toMatch(/--cert and --key/);
  const unknown = site.consume({ ...device, broker: address() }, "nobody", ["buy"]);
  expect(await unknown.ended()).toBe(1);
  expect(unknown.output).toMatch(/CA that is not known here.*--ca/);
});

// What a consumer lists of the announcements on a broker where anybody may announce anything.

import { describe, expect, test } from "vitest";
import { Discovery, type Found, onlyOne } from "../../../firmware/consumer/discovery.ts";
import { Trust } from "../../../firmware/consumer/trust.ts";
import { announcementTopic } from "../../../firmware/protocol/topics.ts";
import { signAnnouncement } from "../../../firmware/token/announcement.ts";
import { deviceName, issueCertificate } from "../../../firmware/token/certificate.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { crypto } from "../../support/sale.ts";

const DEVICES_MAX = 256;
const seed = (fill: number, more = 0): Uint8Array => {
  const bytes = new Uint8Array(32).fill(fill);
  bytes[0] = more & 0xff;
  bytes[1] = more >> 8;
  return bytes;
};
const ours = crypto.signer(seed(1));
const theirs = crypto.signer(seed(2));
const boxKey = crypto.boxPublicKey(seed(3));

interface About {
  name?: string;
  epoch?: number;
  types?: readonly string[];
}

function announced(operator: typeof ours, number: number, about: About = {}) {
  const device = crypto.signer(seed(4, number));
  const { publicKey: signKey } = device;
  const claims = { signKey, boxKey, hostKey: boxKey, serial: 1, bench: true, expiresS: 4e9 };
  const certificate = issueCertificate(claims, operator, crypto);
  const { name = `device ${number}`, epoch = 1, types = [] } = about;
  const signed = signAnnouncement({ certificate, minor: 0, epoch, name, types }, device);
  return { device: deviceName(crypto, signKey), signed };
}

async function listening(given: Uint8Array[], pinned: Uint8Array[] = []) {
  const { clock } = simWorld({ seed: 1 });
  const trust = await Trust.open({ store: simStore().store(), crypto, clock }, given);
  for (const operatorKey of pinned) {
    await trust.pin({ device: announced(ours, 0).device, name: "device 0", operatorKey });
  }
  const discovery = new Discovery(crypto, trust);
  const hear = ({ device, signed }: ReturnType<typeof announced>): void =>
    discovery.onMessage(announcementTopic(device), signed);
  const withdraw = ({ device }: ReturnType<typeof announced>): void =>
    discovery.onMessage(announcementTopic(device), new Uint8Array(0));
  const listed = (filter = {}) =>
    discovery.list(filter).map(({ device, verified }) => [device, !!verified]);
  return { discovery, hear, withdraw, listed };
}

describe("a device that is vouched for", () => {
  test("is found however many unknown ones announce themselves", async () => {
    const { hear, listed } = await listening([], [ours.publicKey]);
    for (let i = 1; i <= DEVICES_MAX; i++) hear(announced(theirs, i));
    expect(listed()).toHaveLength(DEVICES_MAX);
    const real = announced(ours, 0);
    hear(real);
    expect(listed()).toContainEqual([real.device, true]);
    expect(listed()).toHaveLength(DEVICES_MAX);
    hear(announced(theirs, DEVICES_MAX + 1));
    expect(listed()).toContainEqual([real.device, true]);
  });

  test("I11: is found among 10,000 forged ones, of which no more than so many are kept", async () => {
    const { hear, listed } = await listening([], [ours.publicKey]);
    const [first, last] = [announced(ours, 1), announced(ours, 2)];
    hear(first);
    const { signed } = announced(theirs, 3);
    for (let i = 0; i < 10_000; i++) {
      hear({ device: `forged${String(i).padStart(5, "0")}`, signed });
    }
    hear(last);
    const all = listed();
    expect(all).toHaveLength(DEVICES_MAX);
    expect(all.filter(([, verified]) => verified)).toEqual([
      [first.device, true],
      [last.device, true],
    ]);
  });

  test("is not displaced by a forged announcement under its name", async () => {
    const { hear, listed } = await listening([], [ours.publicKey]);
    const real = announced(ours, 0);
    hear(real);
    hear({ ...announced(theirs, 0), device: real.device });
    expect(listed()).toEqual([[real.device, true]]);
  });
});

test("where operators are given by hand, the devices of others are not listed", async () => {
  const { hear, listed } = await listening([ours.publicKey]);
  hear(announced(theirs, 1));
  const real = announced(ours, 0);
  hear(real);
  expect(listed()).toEqual([[real.device, true]]);
});

describe("a search", () => {
  const told = (discovery: Discovery, filter = {}) => {
    const events: string[] = [];
    const stop = discovery.listen({
      filter,
      found: ({ name }) => events.push(`found ${name}`),
      gone: ({ name }) => events.push(`gone ${name}`),
    });
    return { events, stop };
  };

  test("hears of a device once for each announcement, and when it is withdrawn", async () => {
    const { discovery, hear, withdraw, listed } = await listening([], [ours.publicKey]);
    const { events, stop } = told(discovery);
    const device = announced(ours, 1);
    hear(device);
    hear(device);
    hear(announced(ours, 1, { epoch: 2 }));
    withdraw(device);
    withdraw(device);
    expect(events).toEqual(["found device 1", "found device 1", "gone device 1"]);
    expect(listed()).toEqual([]);
    stop();
    hear(device);
    expect(events).toHaveLength(3);
  });

  test.each([
    ["name", { name: "Pump" }, [1, 2]],
    ["id", { id: announced(ours, 3).device }, [3]],
    ["type", { type: "water" }, [1]],
    ["all of them", { name: "Pump", type: "ev-charging" }, [2]],
    ["what nobody has", { name: "Pump", id: announced(ours, 3).device }, []],
  ])("finds by %s", async (_, filter, wanted) => {
    const { hear, listed } = await listening([ours.publicKey]);
    hear(announced(ours, 1, { name: "Pump", types: ["water", "air"] }));
    hear(announced(ours, 2, { name: "Pump", types: ["ev-charging"] }));
    hear(announced(ours, 3, { name: "Washer" }));
    const devices = wanted.map((number) => announced(ours, number).device).sort();
    expect(listed(filter).map(([device]) => device)).toEqual(devices);
  });

  test("finds what it looks for, though unknown, where unknown others have taken all room", async () => {
    const { discovery, hear, listed } = await listening([]);
    for (let i = 1; i <= DEVICES_MAX; i++) hear(announced(theirs, i));
    const wanted = announced(theirs, DEVICES_MAX + 1, { name: "Pump" });
    hear(wanted);
    expect(listed({ name: "Pump" })).toEqual([]);
    told(discovery, { name: "Pump" });
    hear(wanted);
    expect(listed({ name: "Pump" })).toEqual([[wanted.device, false]]);
    expect(listed()).toHaveLength(DEVICES_MAX);
  });
});

describe("the choice", () => {
  const found = (device: string): Found => {
    return { device, name: "Pump", operator: "", types: [], signed: new Uint8Array() };
  };

  test("is the only one, or nobody's but the user's", () => {
    const many = Array.from({ length: 300 }, (_, index) => found(`device ${index}`));
    expect(onlyOne([])).toMatchObject({ ok: false, fault: { kind: "not-found" } });
    expect(onlyOne(many.slice(0, 1))).toMatchObject({ ok: true, value: { device: "device 0" } });
    const several = onlyOne(many);
    expect(several).toMatchObject({ ok: false, fault: { kind: "usage", at: "id" } });
    const words = several.ok ? "" : several.fault.message;
    expect(words).toMatch(/^300 devices fit.*device 0.*device 7\), and 292 more$/);
  });
});

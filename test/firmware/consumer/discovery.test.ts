// What a consumer lists of the announcements on a broker where anybody may announce anything.

import { describe, expect, test } from "vitest";
import { Discovery } from "../../../firmware/consumer/discovery.ts";
import { Trust } from "../../../firmware/consumer/trust.ts";
import { announcementTopic } from "../../../firmware/protocol/topics.ts";
import { signAnnouncement } from "../../../firmware/token/announcement.ts";
import { deviceName, issueCertificate } from "../../../firmware/token/certificate.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
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

function announced(operator: typeof ours, number: number) {
  const device = crypto.signer(seed(4, number));
  const { publicKey: signKey } = device;
  const claims = { signKey, boxKey, hostKey: boxKey, serial: 1, bench: true, expiresS: 4e9 };
  const certificate = issueCertificate(claims, operator, crypto);
  const name = `device ${number}`;
  const signed = signAnnouncement({ certificate, minor: 0, epoch: 1, name }, device);
  return { device: deviceName(crypto, signKey), signed };
}

async function listening(given: Uint8Array[], pinned: Uint8Array[] = []) {
  const trust = await Trust.open(simStore().store(), crypto, given);
  for (const operatorKey of pinned) {
    await trust.pin({ device: announced(ours, 0).device, name: "device 0", operatorKey });
  }
  const discovery = new Discovery(crypto, trust);
  const hear = ({ device, signed }: ReturnType<typeof announced>): void =>
    discovery.onMessage(announcementTopic(device), signed);
  const listed = () => discovery.list().map(({ device, verified }) => [device, !!verified]);
  return { hear, listed };
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

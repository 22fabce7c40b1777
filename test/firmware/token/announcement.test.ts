// Announcements: believed only with a certificate of a known operator, under their own topic.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SIGNED_BYTES_MAX } from "../../../firmware/protocol/messages.ts";
import {
  ANNOUNCEMENT_BYTES_MAX,
  announcedTypes,
  peekAnnouncement,
  signAnnouncement,
  TYPE_BYTES_MAX,
  TYPES_MAX,
  verifyAnnouncement,
} from "../../../firmware/token/announcement.ts";
import { SIGNED_SIZES } from "../../../tools/protocol-markdown.ts";
import { crypto, flips, story, value } from "../../support/sale.ts";
import { touched } from "../../support/shapes.ts";

const { keys, device, signed } = story;
const operatorKey = keys.operator.publicKey;
const verify = (bytes: Uint8Array, under = device, key = operatorKey) =>
  verifyAnnouncement(bytes, under, key, crypto);
const name = fc.string({ maxLength: 32 }).filter((text) => !/\p{Cc}/u.test(text));

describe("an announcement", () => {
  test("comes back as it was signed, with its certificate read", () => {
    const claims = fc.record({
      minor: fc.nat(0xffff),
      epoch: fc.nat(0xffff_ffff),
      name: fc.constant("a"),
    });
    fc.assert(
      fc.property(claims, name, ({ minor, epoch }, text) => {
        const announced = { certificate: signed.certificate, minor, epoch, name: text.slice(0, 8) };
        const bytes = signAnnouncement(announced, keys.device);
        const { verified, ...read } = value(verify(bytes));
        expect(read).toEqual(announced);
        expect(verified).toMatchObject({ device, serial: 1001, bench: false });
        expect(value(peekAnnouncement(bytes))).toEqual(announced);
      }),
      { numRuns: 30 },
    );
  });

  test("is refused under another device's topic", () => {
    const fault = { kind: "wrong-device", at: "device" };
    expect(verify(signed.announcement, "AAAAAAAAAAA")).toMatchObject({ ok: false, fault });
  });

  test("is refused under another operator's key", () => {
    const other = crypto.signer(new Uint8Array(32).fill(77)).publicKey;
    const fault = { kind: "untrusted" };
    expect(verify(signed.announcement, device, other)).toMatchObject({ ok: false, fault });
  });

  test("is refused when somebody else signs with the device's certificate", () => {
    const claims = value(peekAnnouncement(signed.announcement));
    const forged = signAnnouncement(claims, keys.operator);
    expect(verify(forged)).toMatchObject({ ok: false, fault: { kind: "signature" } });
  });

  test("is refused with a certificate that is none", () => {
    const claims = {
      ...value(peekAnnouncement(signed.announcement)),
      certificate: new Uint8Array(20),
    };
    const forged = signAnnouncement(claims, keys.device);
    expect(verify(forged)).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  });

  test("is as large as it says at its largest, and that is within bounds", () => {
    const certificate = new Uint8Array(SIGNED_BYTES_MAX - 128);
    const plain = { certificate, minor: 0xffff, epoch: 0xffff_ffff, name: "x".repeat(32) };
    expect(signAnnouncement(plain, keys.device).length).toBeLessThanOrEqual(SIGNED_BYTES_MAX);
    const most = { ...plain, types: Array(TYPES_MAX).fill("x".repeat(TYPE_BYTES_MAX)) };
    expect(signAnnouncement(most, keys.device)).toHaveLength(SIGNED_SIZES.announcement);
    expect(SIGNED_SIZES.announcement).toBeLessThanOrEqual(ANNOUNCEMENT_BYTES_MAX);
    // The largest that a broker of ours keeps.
    expect(ANNOUNCEMENT_BYTES_MAX).toBeLessThanOrEqual(1024);
  });

  test("tells the types of its services, each once, and not a byte more where they have none", () => {
    const claims = value(peekAnnouncement(signed.announcement));
    const services = [{ type: "pump" }, {}, { type: "ev-charging" }, { type: "pump" }];
    const types = announcedTypes(services);
    expect(types).toEqual(["pump", "ev-charging"]);
    expect(value(verify(signAnnouncement({ ...claims, types }, keys.device))).types).toEqual(types);
    const none = signAnnouncement({ ...claims, types: announcedTypes([{}]) }, keys.device);
    expect(none).toEqual(signed.announcement);
    const many = Array.from({ length: 20 }, (_, index) => ({ type: `type ${index}` }));
    expect(announcedTypes(many)).toHaveLength(TYPES_MAX);
  });

  test("I11: is refused with any byte changed, the certificate's included", () => {
    for (const flipped of flips(signed.announcement)) expect(verify(flipped).ok).toBe(false);
  });

  test("I11: random bytes, touched ones and none never throw", () => {
    for (const bytes of touched(signed.announcement, 1500)) {
      expect(typeof peekAnnouncement(bytes).ok).toBe("boolean");
      if (verify(bytes).ok) expect(bytes).toEqual(signed.announcement);
    }
    expect(verify(new Uint8Array(0)).ok).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(peekAnnouncement(bytes).ok || verify(bytes).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

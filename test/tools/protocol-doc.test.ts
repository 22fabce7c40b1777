// The published description of the protocol: made from the code, and true of real bytes.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import { checkOffer, checkReceipts, checkToken } from "../../firmware/consumer/checks.ts";
import { credentialNonce } from "../../firmware/protocol/credential.ts";
import { decodeReply, decodeRequest, envelopeNonce } from "../../firmware/protocol/envelope.ts";
import { decodeMessage, encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { MESSAGES, type MessageName } from "../../firmware/protocol/messages.ts";
import type { Result } from "../../firmware/result.ts";
import { verifyAnnouncement } from "../../firmware/token/announcement.ts";
import { verifyCertificate } from "../../firmware/token/certificate.ts";
import { verifyToken } from "../../firmware/token/delivery-token.ts";
import { verifyOffer } from "../../firmware/token/offer.ts";
import { verifyPrepaid } from "../../firmware/token/prepaid-token.ts";
import { verifyChain } from "../../firmware/token/receipt.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { protocolCddl } from "../../tools/protocol-cddl.ts";
import { protocolDocuments, staleDocuments } from "../../tools/protocol-doc.ts";
import { tellStory } from "../../tools/protocol-examples.ts";
import { readCddl } from "../support/cddl.ts";

const crypto = openNodeCrypto();
const story = tellStory(crypto);
const cddl = readCddl(protocolCddl());
const names = Object.keys(MESSAGES) as MessageName[];

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

describe("the documents", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-docs-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("in docs/ are what the code says", () => {
    expect(staleDocuments("docs")).toEqual([]);
  });

  test("I15: the same code writes the same bytes, by either implementation of the crypto port", () => {
    expect(protocolDocuments()).toEqual(protocolDocuments());
    const text = protocolDocuments().get("PROTOCOL.md") ?? "";
    for (const name of names) {
      const hex = toHex(encodeMessage(story.messages[name])).replace(/.{96}(?=.)/g, "$&\n");
      expect(text).toContain(`\n${hex}\n`);
    }
  });

  test("a missing file and a changed one are named", () => {
    for (const [name, text] of protocolDocuments()) writeFileSync(join(folder, name), text);
    expect(staleDocuments(folder)).toEqual([]);
    writeFileSync(join(folder, "protocol.cddl"), `${protocolCddl()} `);
    rmSync(join(folder, "PROTOCOL.md"));
    expect(staleDocuments(folder)).toEqual(["PROTOCOL.md", "protocol.cddl"]);
  });

  test("PROTOCOL.md has its four headings, and every message under its own", () => {
    const text = protocolDocuments().get("PROTOCOL.md") ?? "";
    const headings = ["Discovery", "Pricing", "Payment tokens", "Metered delivery"];
    for (const heading of headings) {
      const part = text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
      const here = names.filter((name) => MESSAGES[name].section === heading.toLowerCase());
      expect([...part.matchAll(/^### \d+ `([a-z-]+)`$/gm)].map(([, name]) => name)).toEqual(here);
    }
  });
});

describe("the examples", () => {
  test("the announcement and its certificate verify", () => {
    const { signed, device, keys } = story;
    const key = keys.operator.publicKey;
    const announcement = value(verifyAnnouncement(signed.announcement, device, key, crypto));
    expect(announcement.certificate).toEqual(signed.certificate);
    expect(value(verifyCertificate(signed.certificate, key, crypto))).toEqual(
      announcement.verified,
    );
  });

  test("offer, token and receipts verify, belong together and add up", () => {
    const { signed, keys, messages } = story;
    const key = keys.device.publicKey;
    const offer = value(verifyOffer(signed.offer, key, crypto));
    const token = value(verifyToken(signed.token, key, crypto));
    const receipts = value(verifyChain(messages.receipts.receipts, key, crypto));
    expect(offer).toEqual(story.offer);
    expect(receipts).toEqual(story.receipts);
    expect(checkOffer(offer, messages.select, offer.consumer, 350)).toMatchObject({ ok: true });
    expect(checkToken(token, offer)).toMatchObject({ ok: true });
    expect(checkReceipts(receipts, offer, signed.offer, crypto)).toMatchObject({ ok: true });
  });

  test("the prepaid tokens verify with the operator's key, and with no other", () => {
    const { signed, keys, device } = story;
    for (const token of [signed.prepaid, signed["bearer prepaid"]]) {
      const read = value(verifyPrepaid(token, keys.operator.publicKey, crypto));
      expect(read).toMatchObject({ device, service: 1, units: 10 });
      expect(verifyPrepaid(token, keys.device.publicKey, crypto)).toMatchObject({ ok: false });
    }
  });

  test("offer and receipt with a tariff verify and add up", () => {
    const key = story.keys.device.publicKey;
    const signed = story.signed["tariff offer"];
    const offer = value(verifyOffer(signed, key, crypto));
    const receipts = value(verifyChain([story.signed["tariff session receipt"]], key, crypto));
    expect(checkReceipts(receipts, offer, signed, crypto)).toMatchObject({ ok: true });
    expect(receipts[0]?.breakdown?.lines).toHaveLength(2);
  });

  test("the credential opens with the host's key, by the documented layout", () => {
    const { keys, messages, offer } = story;
    const consumerKey = crypto.boxPublicKey(keys.consumerBox);
    const shared = crypto.boxShared(consumerKey, keys.hostBox) ?? new Uint8Array(32);
    const { credential, nonce } = messages.pay;
    const plain = crypto.open(credential, credentialNonce(offer.id, nonce), shared);
    expect(toHex(plain?.subarray(16, 25) ?? new Uint8Array())).toBe("0000015e4555521d0c");
    expect(String.fromCharCode(...(plain?.subarray(25) ?? []))).toBe("4111111111111111");
  });

  test("the frames open to the messages that they are said to hold", () => {
    const { frames, keys, connection, epoch, messages } = story;
    const first = value(decodeRequest(frames["first request"]));
    const shared = crypto.boxShared(first.consumerKey ?? new Uint8Array(), keys.deviceBox);
    const open = (
      direction: "request" | "reply",
      frame: { id: number; box: Uint8Array },
      n = 0,
    ) => {
      const nonce = envelopeNonce(direction, connection, epoch, frame.id, n);
      const plain = crypto.open(frame.box, nonce, shared ?? new Uint8Array(32));
      return value(decodeMessage(plain ?? new Uint8Array()));
    };
    const later = value(decodeRequest(frames["later request"]));
    const reply = value(decodeReply(frames.reply));
    expect(open("request", first)).toEqual(messages["get-services"]);
    expect(open("request", later)).toEqual(messages.select);
    expect("box" in reply && open("reply", reply, reply.n)).toEqual(messages.services);
    expect(value(decodeReply(frames.hint))).toEqual({ id: 3, epoch: epoch + 1 });
  });
});

describe("protocol.cddl", () => {
  test.each(names)("describes the example of %s, as that message and as no other", (name) => {
    const bytes = encodeMessage(story.messages[name]);
    expect(cddl.mismatch("message", bytes)).toBeUndefined();
    const fitting = names.filter((one) => cddl.mismatch(`${one}-message`, bytes) === undefined);
    expect(fitting).toEqual([name]);
  });

  test.each([
    ["signed-certificate", story.signed.certificate],
    ["signed-revocations", story.signed.revocations],
    ["signed-announcement", story.signed.announcement],
    ["signed-offer", story.signed.offer],
    ["signed-token", story.signed.token],
    ["signed-receipt", story.signed["session receipt"]],
    ["signed-receipt", story.signed["settlement receipt"]],
    ["signed-offer", story.signed["tariff offer"]],
    ["signed-receipt", story.signed["tariff session receipt"]],
    ["request-frame", story.frames["first request"]],
    ["request-frame", story.frames["later request"]],
    ["reply-frame", story.frames.reply],
    ["hint-frame", story.frames.hint],
  ])("describes %s", (rule, bytes) => {
    expect(cddl.mismatch(rule, bytes)).toBeUndefined();
    expect(cddl.mismatch("message", bytes)).toBeDefined();
  });

  test("every rule is referred to, or is one that bytes are held against", () => {
    const text = protocolCddl().replaceAll(/;.*/g, "");
    const entry = /^(message|signed-.*|.*-frame)$/;
    const unused = cddl.rules.filter((rule) => {
      return !entry.test(rule) && text.split(new RegExp(`(?<![\\w-])${rule}(?![\\w-])`)).length < 3;
    });
    expect(unused).toEqual([]);
  });

  test.each([
    ["an unclosed bracket", "a = [ 1, 2"],
    ["a rule that is not there", "a = b"],
    ["a stray sign", "a = 1 ]"],
    ["a rule twice", "a = 1\na = 2"],
  ])("%s is no CDDL", (_name, text) => {
    expect(() => readCddl(text)).toThrow();
  });
});

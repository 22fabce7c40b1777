// Topics: made and read back, and nothing else is taken for one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ANNOUNCEMENTS,
  announcementTopic,
  base64url,
  connectionName,
  fromServiceTopic,
  parseTopic,
  replyTopic,
  requestsFilter,
  requestTopic,
  toServiceTopic,
} from "../../../firmware/protocol/topics.ts";

const device = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(base64url);
const connection = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(connectionName);

describe("a topic", () => {
  test("comes back as what it was made of", () => {
    fc.assert(
      fc.property(device, connection, (to, from) => {
        expect(parseTopic(announcementTopic(to))).toEqual({ is: "announcement", device: to });
        expect(parseTopic(requestTopic(to, from))).toEqual({
          is: "request",
          device: to,
          connection: from,
        });
        expect(parseTopic(replyTopic(from))).toEqual({ is: "reply", connection: from });
      }),
    );
  });

  test("of a flow service comes back as device and service", () => {
    fc.assert(
      fc.property(device, device, (of, service) => {
        const [to, from] = [toServiceTopic(of, service), fromServiceTopic(of, service)];
        expect(parseTopic(to)).toEqual({ is: "to-service", device: of, service });
        expect(parseTopic(from)).toEqual({ is: "from-service", device: of, service });
      }),
    );
  });

  test("is short, and of a shape that an access list can hold", () => {
    expect(announcementTopic("CwgMb0GsGAI")).toBe("s1/a/CwgMb0GsGAI");
    expect(requestTopic("CwgMb0GsGAI", "U2x1aWNl")).toBe("s1/q/CwgMb0GsGAI/U2x1aWNl");
    expect(replyTopic("U2x1aWNl")).toBe("s1/r/U2x1aWNl");
    expect(toServiceTopic("CwgMb0GsGAI", "+")).toBe("s1/f/CwgMb0GsGAI/+");
    expect(fromServiceTopic("+", "CwgMb0GsGAI")).toBe("s1/g/+/CwgMb0GsGAI");
    expect([ANNOUNCEMENTS, requestsFilter("CwgMb0GsGAI")]).toEqual([
      "s1/a/+",
      "s1/q/CwgMb0GsGAI/+",
    ]);
  });

  test.each([
    "",
    "s1",
    "s1/a",
    "s1/a/",
    "s1/a/+",
    "s1/a/CwgMb0GsGA",
    "s1/a/CwgMb0GsGAI2",
    "s1/a/CwgMb0GsGA/",
    "s1/a/CwgMb0GsGAI/",
    "s1/a/CwgMb0GsGAI/U2x1aWNl",
    "s2/a/CwgMb0GsGAI",
    "/s1/a/CwgMb0GsGAI",
    "s1/b/CwgMb0GsGAI",
    "s1/q/CwgMb0GsGAI",
    "s1/q/CwgMb0GsGAI/U2x1aWN",
    "s1/q/CwgMb0GsGAI/U2x1aWNl/x",
    "s1/q/CwgMb0GsGAI/U2x1aW#l",
    "s1/r/U2x1aWNl/x",
    "s1/f/CwgMb0GsGAI",
    "s1/f/CwgMb0GsGAI/U2x1aWNl",
    "s1/g/CwgMb0GsGAI/+",
    "s1/g/CwgMb0GsGAI/CwgMb0GsGAI/x",
    "s1/r/U2x1aWNl\n",
    "s1/r/U2x1 WNl",
    `s1/r/${"U2x1aWNl".repeat(100)}`,
  ])("%j is none of ours", (topic) => {
    expect(parseTopic(topic)).toBeUndefined();
  });

  test("I11: is never read out of random text, and nothing throws", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("s1", "a", "q", "r", "f", "g", "/", "+", "x"), { maxLength: 20 }),
        (parts) => {
          const parsed = parseTopic(parts.join(""));
          if (parsed !== undefined) expect(parts.join("")).toMatch(/^s1\/[aqrfg]\//);
          else expect(parsed).toBeUndefined();
        },
      ),
    );
  });
});

describe("base64url", () => {
  test("is that of everybody, without padding", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(base64url(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
      }),
    );
  });
});

// What device and service say to each other: every message comes back as it was, from its own side alone.

import { expect, test } from "vitest";
import {
  decodeFlowMessage,
  encodeFlowMessage,
  type FlowMessage,
  fitWords,
} from "../../../../firmware/payment/remote/flow-messages.ts";
import type { FlowSide } from "../../../../firmware/protocol/flow-frames.ts";

const EVENT = {
  type: "progressMessage",
  data: { progressMessage: { is: "text", value: "x" } },
} as const;
const RESPONSE = {
  ...{ id: "r", type: "balance", success: true, outcomeMessage: "", data: {}, background: false },
};
const MESSAGES: readonly [FlowSide, FlowMessage][] = [
  ["device", { is: "ready", call: 0 }],
  [
    "device",
    {
      ...{ is: "request", call: 7, id: "c", stage: "SPLIT", flowType: "sale", initiator: "sale" },
      ...{ background: true, input: new Map([[1, "x"]]) },
    },
  ],
  ["device", { is: "tell", call: 7, event: EVENT }],
  ["device", { is: "get-info", call: 1 }],
  ["device", { is: "refused", call: 2, code: "overReaching", why: "too much" }],
  ["device", { is: "ended", call: 0, response: RESPONSE }],
  ["device", { is: "ping", call: 0 }],
  ["service", { is: "audit", call: 7, severity: "warning", says: "low" }],
  ["service", { is: "event", call: 7, event: EVENT }],
  ["service", { is: "response", call: 7, requestId: "other", output: new Map([[1, 5]]) }],
  ["service", { is: "response", call: 7 }],
  ["service", { is: "failure", call: 7, code: "busy", why: "later" }],
  ["service", { is: "unfit", call: 7, code: "too-large", why: "9000 bytes" }],
  ["service", { is: "info", call: 1, info: new Map([[1, "gift"]]) }],
  ["service", { is: "info-changed", call: 0 }],
  ["service", { is: "refused-answer", call: 2, handled: true }],
];

test.each(MESSAGES)("%s: %j comes back, and is not heard from the other side", (from, message) => {
  const encoded = encodeFlowMessage(message);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  expect(decodeFlowMessage(encoded.value, from)).toEqual({ ok: true, value: message });
  const other = from === "device" ? "service" : "device";
  expect(decodeFlowMessage(encoded.value, other)).toMatchObject({ fault: { kind: "unsupported" } });
});

test("words of whatever origin are made fit to send", () => {
  expect(fitWords(`a\u0007b${"ü".repeat(200)}`)).toBe(`a b${"ü".repeat(78)}`);
});

// Settings of the engine as a device file gives them.

import { describe, expect, test } from "vitest";
import {
  DEFAULT_SETTINGS,
  readSettings,
  SETTING_MEANINGS,
} from "../../../../firmware/payment/config/settings.ts";

describe("settings", () => {
  test("F118: what is not given is as usual", () => {
    expect(readSettings({}, "settings")).toEqual({ ok: true, value: DEFAULT_SETTINGS });
    const read = readSettings(
      { splitResponseTimeoutSeconds: 0, primaryCurrency: "GBP" },
      "settings",
    );
    expect(read).toEqual({
      ok: true,
      value: { ...DEFAULT_SETTINGS, splitResponseTimeoutSeconds: 0, primaryCurrency: "GBP" },
    });
  });

  test.each([
    [[], "settings"],
    [{ flowResponseTimeoutSeconds: 3601 }, "settings.flowResponseTimeoutSeconds"],
    [{ historyRows: 10_001 }, "settings.historyRows"],
    [{ alwaysCallPreFlow: 1 }, "settings.alwaysCallPreFlow"],
    [{ alwaysCallPreflow: true }, "settings.alwaysCallPreflow"],
  ])("%j is refused with the path of the field", (value, at) => {
    const read = readSettings(value, "settings");
    expect(read.ok ? "" : read.fault.at).toBe(at);
  });

  test("each setting is described, and those of the original have its values", () => {
    for (const name of Object.keys(DEFAULT_SETTINGS))
      expect(Object.keys(SETTING_MEANINGS)).toContain(name);
    expect(DEFAULT_SETTINGS).toMatchObject({
      splitResponseTimeoutSeconds: 1200,
      flowResponseTimeoutSeconds: 120,
      paymentResponseTimeoutSeconds: 120,
      statusUpdateTimeoutSeconds: 10,
      serviceInfoTimeoutSeconds: 3,
      historyRows: 1000,
    });
  });
});

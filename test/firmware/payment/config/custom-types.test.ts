// Flows made for custom request types.

import { describe, expect, test } from "vitest";
import { customFlows } from "../../../../firmware/payment/config/custom-types.ts";
import { defaultFlows } from "../../../../firmware/payment/config/default-flows.ts";
import { candidate } from "../registry/stub-service.ts";

const serving = (id: string, ...customRequestTypes: string[]) =>
  candidate(id, ["GENERIC"], { customRequestTypes });

describe("custom request types", () => {
  test("one flow for each type, with all services that list it, each once", () => {
    const flows = customFlows(
      [serving("b", "balance", "enrol"), serving("a", "balance", "balance"), { id: "c" }],
      [],
    );
    expect(
      flows.map(({ name, type, generatedFromCustomType }) => [name, type, generatedFromCustomType]),
    ).toEqual([
      ["balance", "balance", true],
      ["enrol", "enrol", true],
    ]);
    expect(flows[0]?.stages).toEqual([
      { name: "GENERIC", execution: "SINGLE_SELECT", apps: [{ id: "b" }, { id: "a" }] },
    ]);
  });

  test("a configured flow of that name or type is left alone", () => {
    const stages = defaultFlows("card")[0]?.stages ?? [];
    const byName = { name: "balance", type: "x", version: 1, stages };
    const byType = { name: "y", type: "balance", version: 1, stages };
    expect(customFlows([serving("a", "balance")], [byName])).toEqual([]);
    expect(customFlows([serving("a", "balance")], [byType])).toEqual([]);
  });

  test("no more than 32 flows in all", () => {
    const types = Array.from({ length: 40 }, (_, i) => `type${i}`);
    const configured = defaultFlows("card");
    const made = customFlows([serving("a", ...types)], configured);
    expect(made.length + configured.length).toBe(32);
  });
});

// The power fails wherever it can while a tag's token is taken: no unit is delivered twice, and none is lost.

import { expect, test } from "vitest";
import { tokenWithCut } from "./token-cuts.ts";

test.each([true, false])(
  "I3 I6 I7 I10: at every place, where the meter's register is kept: %s",
  async (retains) => {
    const whole = await tokenWithCut(0, retains);
    expect(whole.wrong).toEqual([]);
    const found: string[] = [];
    for (let place = 1; place <= whole.places; place++) {
      const cut = await tokenWithCut(place, retains);
      expect(cut.place).not.toBe("");
      found.push(...cut.wrong.map((text) => `${cut.place} ${place}: ${text}`));
    }
    console.log(`prepaid tokens: ${whole.places} power cuts, register kept: ${retains}`);
    expect(found).toEqual([]);
    expect(whole.places).toBeGreaterThan(20);
  },
  120_000,
);

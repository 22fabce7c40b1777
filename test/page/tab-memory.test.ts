// What a tab keeps over a reload is of the world that is there now, whatever still comes of the one before.

import { afterEach, expect, test, vi } from "vitest";
import { pageModule } from "./page-module.ts";

interface Memory {
  kept: { isRecording: boolean };
  keep(change: object): void;
  end(): void;
}
const { TabMemory } = await pageModule<{ TabMemory: new (world: string) => Memory }>(
  "tab-memory.ts",
);

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a buyer of a world that has ended writes over nothing that is kept of the world that is there", () => {
  const items = new Map<string, string>();
  const sessionStorage = {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, text: string) => void items.set(name, text),
  };
  vi.stubGlobal("window", { sessionStorage });
  const before = new TabMemory("one");
  before.keep({ boxSecret: "aa", records: [["purchase", "1", "{}"]] });
  before.end();
  const now = new TabMemory("two");
  expect(now.kept).toMatchObject({ boxSecret: "", records: [], isRecording: false });
  now.keep({ isRecording: true });
  // A request of the old world has timed out.
  before.keep({ records: [["purchase", "1", '{"state":"failed"}']] });
  expect(new TabMemory("two").kept.isRecording).toBe(true);
});

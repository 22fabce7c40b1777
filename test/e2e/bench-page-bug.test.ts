// A bug of ours at a board of the bench page, in a later life of it: whoever looks at the board sees it, and so does its log.

import { join } from "node:path";
import { expect, test } from "vitest";
import { readBoards } from "../../tools/bench-page/page-boards.ts";
import { openPageServer } from "../../tools/bench-page/page-server.ts";
import { value } from "../sim/story.ts";
import { LIMIT_MS, openPageAt, skipWithoutBrowser } from "./page-stand.ts";

const ROOT = join(import.meta.dirname, "..", "..");

test(
  "a board that a bug keeps from coming back says so where it is, and in its log",
  async (ctx) => {
    skipWithoutBrowser(ctx);
    const [setup] = value(readBoards([join(ROOT, "boards", "virtual-charger.yaml")]));
    if (setup === undefined) throw new Error("no board");
    let starts = 0;
    const flowServices = () => {
      starts += 1;
      if (starts > 1) throw new TypeError("planted in the second life");
      return [];
    };
    const server = await openPageServer({
      ...{ boards: [{ ...setup, flowServices }], seed: 1, rate: 1, port: 0 },
      pageFolder: join(ROOT, "build", "page"),
      scenarioFolder: join(ROOT, "scenarios"),
      onError: (error) => {
        throw error;
      },
    });
    ctx.onTestFinished(() => server.close());
    const { board, button, sees, tab, panel, troubles } = await openPageAt(ctx, server.url);
    const charger = board("Virtual charger");
    await sees("ready", charger);
    expect(await charger.getByRole("alert").count()).toBe(0);
    await charger.getByText("Break something").click();
    await button("Cut it for 3 s", charger).click();
    const alert = charger.getByRole("alert");
    await sees(/^TypeError: planted in the second life/, alert);
    expect(await alert.textContent()).toContain("This board has met a bug of sluice");
    await tab("What happened");
    await sees(/error: bug what=TypeError: planted in the second life/, panel);
    expect(troubles).toEqual([]);
  },
  LIMIT_MS,
);

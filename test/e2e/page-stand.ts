// The bench page in a headless browser: the compiled bench as a process, Debian's Chromium in front of it, and everything that a
// person would see go wrong on its console.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import type { TestContext } from "vitest";
import { type Program, pause } from "./program.ts";
import { Site } from "./site.ts";

const CHROMIUM = "/usr/bin/chromium";
const SHOTS = join(import.meta.dirname, "..", "..", "build", "screenshots");
const ARGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];
export const LIMIT_MS = 180_000;
/** What is waited for, on a computer that is busy. */
const SEEN_MS = 40_000;
const START_MS = 60_000;

export interface PageStand {
  page: Page;
  /** Console errors, page errors and requests that failed. */
  troubles: readonly string[];
  board(name: string): Locator;
  button(name: string | RegExp, within?: Locator): Locator;
  tab(name: string): Promise<void>;
  panel: Locator;
  /** Until the text is there. */
  sees(text: string | RegExp, within?: Locator): Promise<void>;
  shot(name: string): Promise<void>;
  /** Of how much the page is wider than its window. */
  overflowPx(): Promise<number>;
}

export interface StandOptions {
  devices?: readonly string[];
  width?: number;
  height?: number;
  dark?: boolean;
  reducedMotion?: boolean;
}

/** Ends everything when the test is over; skips it where there is no browser. */
export async function openPage(ctx: TestContext, options: StandOptions = {}): Promise<PageStand> {
  skipWithoutBrowser(ctx);
  const site = new Site();
  ctx.onTestFinished(() => site.close());
  const { devices = [] } = options;
  const files = devices.flatMap((one) => ["--device", join("boards", `${one}.yaml`)]);
  const program = site.start(["bench", "--ui", "--port", "0", "--json", ...files]);
  return openPageAt(ctx, await addressOf(program), options);
}

export function skipWithoutBrowser(ctx: TestContext): void {
  if (!existsSync(CHROMIUM)) ctx.skip("chromium is not installed: apt-get install chromium");
}

/** In front of a server that is there. */
export async function openPageAt(
  ctx: TestContext,
  url: string,
  { width = 1280, height = 900, dark = false, reducedMotion = false }: StandOptions = {},
): Promise<PageStand> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-page-"));
  let browser: BrowserContext | undefined;
  ctx.onTestFinished(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  browser = await chromium.launchPersistentContext(folder, {
    ...{ executablePath: CHROMIUM, args: ARGS, viewport: { width, height } },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: reducedMotion ? "reduce" : "no-preference",
  });
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(SEEN_MS);
  const troubles = listen(page);
  await page.goto(url);
  const panel = page.locator("#panel");
  return {
    ...{ page, troubles, panel },
    board: (name) =>
      page.locator(".board", { has: page.getByRole("heading", { name, exact: true }) }),
    button: (name, within) =>
      (within ?? page).getByRole("button", { name, exact: typeof name === "string" }),
    tab: (name) => page.getByRole("tab", { name, exact: true }).click(),
    sees: (text, within) => (within ?? page.locator("body")).getByText(text).first().waitFor(),
    shot: async (name) => {
      mkdirSync(SHOTS, { recursive: true });
      await page.evaluate("scrollTo(0, 0)");
      await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    },
    overflowPx: () =>
      page.evaluate<number>(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      ),
  };
}

async function addressOf(program: Program): Promise<string> {
  const deadlineMs = performance.now() + START_MS;
  for (;;) {
    const url = program.lines.map((line) => line["url"]).find((one) => typeof one === "string");
    if (url !== undefined) return url;
    if (performance.now() > deadlineMs) throw new Error(`no address of a page:\n${program.output}`);
    await pause(50);
  }
}

function listen(page: Page): string[] {
  const troubles: string[] = [];
  page.on("console", (said) => {
    if (said.type() === "error" || said.type() === "warning")
      troubles.push(`${said.type()}: ${said.text()}`);
  });
  page.on("pageerror", (error) => troubles.push(`page error: ${error.message}`));
  page.on("requestfailed", (request) => troubles.push(`failed: ${request.url()}`));
  page.on("response", (response) => {
    if (response.status() >= 400) troubles.push(`${response.status()}: ${response.url()}`);
  });
  return troubles;
}

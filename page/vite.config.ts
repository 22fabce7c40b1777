// How the page becomes files that any server can hand out: one script, one style sheet, nothing inline and nothing evaluated,
// so that it runs under a content security policy that allows neither.

import { join } from "node:path";
import { defineConfig } from "vite";

const ROOT = import.meta.dirname;

export default defineConfig({
  root: ROOT,
  base: "./",
  logLevel: "warn",
  resolve: { alias: { "cbor-x": "cbor-x/index-no-eval" } },
  build: {
    outDir: join(ROOT, "..", "build", "page"),
    emptyOutDir: true,
    target: "es2023",
    modulePreload: false,
    assetsInlineLimit: 0,
    // The bundle is one file on purpose: it is served from this computer.
    chunkSizeWarningLimit: 1_000,
  },
});

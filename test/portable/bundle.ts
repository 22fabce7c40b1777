// Makes one file of a program and all that it needs: no imports are left, and nothing of Node is in it.

import { join } from "node:path";
import { build } from "vite";

/** `both-programs`, or one of the two by itself. */
type BundleName = "both-programs" | "consumer-program";

/** The text of an ES module. */
export async function bundle(name: BundleName): Promise<string> {
  const extension = import.meta.filename.slice(import.meta.filename.lastIndexOf("."));
  const built = await build({
    ...{ configFile: false, logLevel: "silent", root: import.meta.dirname },
    resolve: { alias: { "cbor-x": join(import.meta.dirname, `small-cbor${extension}`) } },
    build: {
      ...{ write: false, minify: true, target: "es2023", modulePreload: false },
      rollupOptions: {
        input: join(import.meta.dirname, `${name}${extension}`),
        preserveEntrySignatures: "strict",
        output: { format: "es" },
      },
    },
  });
  if (Array.isArray(built) || !("output" in built)) throw new Error("the bundler makes one bundle");
  const [file, ...more] = built.output;
  if (more.length > 0 || file.imports.length > 0 || file.dynamicImports.length > 0)
    throw new Error(`${name} is not one file: ${[...file.imports, ...file.dynamicImports]}`);
  return file.code;
}

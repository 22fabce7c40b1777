// What a JavaScript module asks for while it loads or runs, as far as that stands in it in plain letters. The only file that
// imports es-module-lexer: a lexer, to which no depth of nesting is too deep, as it is to parsers that call themselves.

import { initSync, parse } from "es-module-lexer";
import { fail, ok, type Result } from "../firmware/result.ts";

export interface ModuleImport {
  specifier: string;
  /** Node looks for what is required otherwise than for what is imported. */
  by: "import" | "require";
}

/** Of the same length, and where CommonJS calls it a dynamic import for the lexer, which knows strings and comments. */
const REQUIRE = /(?<![\w$.#])require(?=\s*\()/g;
const DISGUISED = " import";
/** Node leaves it out; to the lexer it would be part of the first word. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/** Once each. What is only known when it runs is left out. Error: `malformed`, for what is no JavaScript. */
export function moduleImports(given: string): Result<readonly ModuleImport[]> {
  initSync();
  const text = given.replace(BYTE_ORDER_MARK, " ");
  try {
    const imports = specifiers(text, () => true).map(asked("import"));
    if (text.search(REQUIRE) < 0) return ok(imports);
    const disguised = text.replaceAll(REQUIRE, DISGUISED);
    // The lexer says where the word import begins.
    const isRequire = (at: number): boolean => text.startsWith("equire", at);
    return ok([...imports, ...specifiers(disguised, isRequire).map(asked("require"))]);
  } catch (error) {
    const at = (error as { idx?: unknown }).idx;
    if (typeof at !== "number") throw error;
    return fail("malformed", `line ${text.slice(0, at).split("\n").length}: is no JavaScript`);
  }
}

const asked =
  (by: ModuleImport["by"]) =>
  (specifier: string): ModuleImport => ({ specifier, by });

function specifiers(text: string, isMeant: (at: number) => boolean): string[] {
  const [imports] = parse(text);
  const names = imports.flatMap(({ n, ss }) => (n !== undefined && isMeant(ss) ? [n] : []));
  return [...new Set(names)];
}

// The rules of the house that a linter cannot say: where files may be, how they open, what they never contain,
// what README promises, and that every invariant is named by a test. Reads the tree as git sees it.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const CODE_FOLDERS = ["bench", "boards", "firmware", "hal", "page", "test", "tools"];
const TOP_FOLDERS = [...CODE_FOLDERS, "deploy", "docs", "examples", "native", "scenarios", ".ci"];

/** A folder that is not here has no import rule in biome.json: add both together. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  boards: ["computers"],
  firmware: ["consumer", "metering", "payment", "producer", "protocol", "token"],
  hal: ["drivers", "linux", "sim"],
};

const ROOT_FILES = new Set([
  ".gitignore",
  ".node-version",
  ".npmrc",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "DECISIONS.md",
  "LICENSE",
  "Makefile",
  "README.md",
  "SECURITY.md",
  "biome.json",
  "knip.json",
  "package-lock.json",
  "package.json",
  "tsconfig.build.json",
  "tsconfig.json",
  "vitest.config.ts",
]);

const SOURCE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 69;
const README_LINES_MAX = 134;

const INVARIANTS: Readonly<Record<number, string>> = {
  1: "secured = delivered + accepted + given back + owed",
  2: "an attempt is charged at most once",
  3: "units of a token are delivered at most once",
  4: "charged is what was delivered, at the offer's price",
  5: "no money moves before a fresh, signed ready",
  6: "paid and not delivered never ends in silence",
  7: "the switch is closed only under a live, granted session",
  8: "delivered <= granted + one pulse beyond run-on",
  9: "cut-off depends on nothing that may block",
  10: "a power cut forgets at most one quantum",
  11: "nothing unauthenticated or unbounded changes state",
  12: "no card number, track, key or token secret leaks",
  13: "every stop has exactly one reason",
  14: "a rejected flow response changes nothing",
  15: "same seed, same bytes",
};

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Every file that is or would be committed. */
function listFiles(): string[] {
  const command = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = execFileSync("git", command, { cwd: ROOT, encoding: "utf8" });
  return listed.split("\0").filter((path) => isFile(join(ROOT, path)));
}

const files = listFiles();
const isText = (path: string): boolean => /\.(ts|mjs|json|md|yaml|yml|cddl|sh)$|^[^.]*$/.test(path);
const texts = new Map(
  files.filter(isText).map((path) => [path, readFileSync(join(ROOT, path), "utf8")]),
);
const topOf = (path: string): string => path.split("/")[0] ?? "";
const sources = [...texts].filter(([path]) => /\.m?[jt]s$/.test(path));
const testSources = sources.filter(([path]) => path.startsWith("test/"));
const self = "test/tidy.test.ts";

const FUNCTION_HEAD = new RegExp(
  [
    "^(export )?(default )?(async )?function\\b",
    "^(export |static |readonly )*(const |let )?#?[\\w$]+(: .*)? = (async )?(\\(|<|[\\w$]+ =>)",
    "^((static|async|get|set) |\\*)*#?(?!(if|for|while|switch|catch|return)\\b)[\\w$]+(<.*>)?\\(.*[{(]$",
    "^[\\w$]+: (async )?(\\(|[\\w$]+ =>)",
  ].join("|"),
);

/** Named functions and methods, by the layout that the formatter gives them: the end stands below the head. */
function functionsOf(text: string): { head: string; at: number; lines: number }[] {
  const rows = withoutText(text.split("\n"));
  const indents = rows.map((row) => row.search(/\S/));
  return rows.flatMap((row, at) => {
    const [head, indent = 0] = [row.trim(), indents[at]];
    if (!FUNCTION_HEAD.test(head)) return [];
    // Parameters and a type that take several lines stand between head and body.
    const end = rows.findIndex(
      (one, i) =>
        i > at && one !== "" && (indents[i] ?? 0) <= indent && !/^\s*([)>]|\}.*[{(]$)/.test(one),
    );
    const isBody = indents[end] === indent && /^\s*\}[;,)]*$/.test(rows[end] ?? "");
    return isBody ? [{ head, at: at + 1, lines: end - at + 1 }] : [];
  });
}

/** Rows of a template literal after its first hold text, which has a layout of its own. */
function withoutText(rows: readonly string[]): string[] {
  let inside = false;
  return rows.map((row) => {
    const isText = inside;
    const isComment = !inside && /^\s*(\/\/|\*|\/\*)/.test(row);
    const ticks = isComment ? 0 : (row.match(/(?<!\\)`/g)?.length ?? 0);
    if (ticks % 2 === 1) inside = !inside;
    return isText ? "" : row;
  });
}

const FUNCTIONS: readonly string[] = [
  "export async function long(",
  "  { first }: First,",
  "): Promise<{",
  "  second: Second;",
  "}> {",
  "",
  "  await first(`one",
  "two`);",
  "}",
  "export const arrow = (",
  "  first: First,",
  "): void => {",
  "  first();",
  "};",
  "const short = (a: A): B => {",
  "  return a.b;",
  "};",
  "const short = (a: A): B => a.b;",
  "const table = {",
  "  one: (a: A): B => a.b,",
  "};",
  "class Ledger {",
  "  static async open<T>(store: Store): Promise<T> {",
  "    const inside = async (): Promise<void> => {",
  "      await store.read();",
  "    };",
  "    return inside();",
  "  }",
  "  get now(): Standing {",
  "    return this.#now;",
  "  }",
  "  readonly #field = () => {",
  "    work();",
  "  };",
  "  #private(): void {",
  "    this.#now = 1;",
  "  }",
  "}",
  "const host = {",
  "  close: () => {",
  "    closed = true;",
  "  },",
  "};",
  "if (wanted) {",
  "  work();",
  "}",
];

/** "path:line: text" of each line that matches. */
function linesMatching(within: readonly [string, string][], pattern: RegExp): string[] {
  return within.flatMap(([path, text]) =>
    text
      .split("\n")
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
  );
}

describe("where files are", () => {
  test("only the code folders, docs, .ci and known files at the top", () => {
    const astray = files.filter((path) =>
      path.includes("/") ? !TOP_FOLDERS.includes(topOf(path)) : !ROOT_FILES.has(path),
    );
    expect(astray).toEqual([]);
  });

  test("code is TypeScript, and only in the code folders", () => {
    const code = files.filter((path) =>
      /\.(ts|mts|cts|tsx|js|mjs|cjs|jsx|py|sh|c|cc|h)$/.test(path),
    );
    const astray = code.filter((path) => {
      // A process that a test starts with plain Node, which reads no TypeScript.
      if (/^test\/support\/[\w-]+\.mjs$/.test(path)) return false;
      // A project of a user's, which is his and not ours.
      if (path.startsWith("examples/")) return false;
      // Packet sockets, which Node has not.
      if (path === "test/support/bad-link.py") return false;
      // What a kernel is asked by itself, and what brings a device to its place.
      if (
        /^(native|test\/kernel|test\/deploy|test\/arm64|deploy|test\/deploy\/cuts|deploy\/image)\/[\w-]+\.(c|sh|mjs)$/.test(
          path,
        )
      )
        return false;
      return !path.endsWith(".ts") || !CODE_FOLDERS.includes(topOf(path));
    });
    expect(astray).toEqual(["vitest.config.ts"]);
    expect(files.filter((path) => topOf(path) === ".ci")).toEqual([".ci/run"]);
  });

  test("every folder of firmware, hal and boards is a layer with an import rule", () => {
    const folders = files.flatMap((path) => {
      const [top = "", inside] = path.split("/").slice(0, -1);
      return inside !== undefined && top in LAYERS ? [{ top, inside }] : [];
    });
    expect(folders.filter(({ top, inside }) => !LAYERS[top]?.includes(inside))).toEqual([]);
  });

  test("imports stay relative, because the layers are told apart by their paths", () => {
    const manifest = JSON.parse(texts.get("package.json") ?? "{}") as Record<string, unknown>;
    expect(manifest["imports"]).toBeUndefined();
    // For programs and tests of users, never for the tree itself.
    const offered = ["bench", "consumer", "flow-service", "package.json", "producer"];
    expect(Object.keys(manifest["exports"] ?? {})).toEqual(offered.map((name) => `./${name}`));
    expect(texts.get("tsconfig.json")).not.toMatch(/"(paths|baseUrl)"/);
  });

  test("versions of packages are exact", () => {
    const manifest = JSON.parse(texts.get("package.json") ?? "{}") as Record<string, object>;
    const versions = Object.values({ ...manifest["dependencies"], ...manifest["devDependencies"] });
    expect(versions.length).toBeGreaterThan(0);
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
  });
});

describe("how source reads", () => {
  test(`no source file is longer than ${SOURCE_LINES_MAX} lines`, () => {
    const long = sources
      .map(([path, text]) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > SOURCE_LINES_MAX);
    expect(long).toEqual([]);
  });

  test(`no function of the product is longer than ${FUNCTION_LINES_MAX} lines`, () => {
    const product = sources.filter(([path]) =>
      /^(bench|boards|firmware|hal|page|tools)\//.test(path),
    );
    const found = product.flatMap(([path, text]) =>
      functionsOf(text).map((one) => ({ path, ...one })),
    );
    // So many at the least, or heads are no longer recognised.
    expect(found.length).toBeGreaterThan(5 * product.length);
    expect(found.filter(({ lines }) => lines > FUNCTION_LINES_MAX)).toEqual([]);
  });

  test("a function is measured from its head to its end, however it is written", () => {
    const measured = functionsOf(FUNCTIONS.join("\n"));
    expect(measured.map(({ head, lines }) => `${head}: ${lines}`)).toEqual([
      "export async function long(: 9",
      "export const arrow = (: 5",
      "const short = (a: A): B => {: 3",
      "static async open<T>(store: Store): Promise<T> {: 6",
      "const inside = async (): Promise<void> => {: 3",
      "get now(): Standing {: 3",
      "readonly #field = () => {: 3",
      "#private(): void {: 3",
      "close: () => {: 3",
    ]);
  });

  test("every source file opens with a comment that says what it is", () => {
    const opening = /^(#!.*\n)?(\/\/ \S|\/\*\*?\s)/;
    expect(sources.filter(([, text]) => !opening.test(text)).map(([path]) => path)).toEqual([]);
  });

  test("nothing is left to do in a comment", () => {
    const marker = new RegExp(`\\b(${["TO", "FIX", "XX", "HA"].join("|")})(DO|ME|X|CK)\\b`);
    // ISO 4217 has a code of no currency, which stands in quotes.
    const code = new RegExp(`["\`]${"X".repeat(3)}["\`]`, "g");
    const within = [...texts]
      .filter(([path]) => path !== "package-lock.json" && path !== "LICENSE")
      .map(([path, text]): [string, string] => [path, text.replace(code, "")]);
    expect(linesMatching(within, marker)).toEqual([]);
  });

  test("portable code takes chance, time and modules from its arguments", () => {
    const composes = ["main", "loop-main", "payment-main", "desk-main"].map(
      (name) => `firmware/${name}.ts`,
    );
    const portable = sources.filter(
      ([path]) =>
        /^(firmware|hal|boards)\//.test(path) &&
        !path.startsWith("hal/linux/") &&
        !composes.includes(path),
    );
    // A type written as import("node:fs").Stats and a computed import() escape the linter.
    const hidden = /\bMath\.random\b|\bAbortSignal\.timeout\b|\bimport\(|\bimport\.meta\b/;
    expect(linesMatching(portable, hidden)).toEqual([]);
  });

  test("no path of somebody's machine", () => {
    const folders = ["home", "root", "Users", "work", "mnt"].join("|");
    const path = new RegExp(`(?<![\\w.*/-])/(${folders})/[\\w.]`);
    expect(linesMatching([...texts], path)).toEqual([]);
  });
});

describe("tests", () => {
  const others = testSources.filter(([path]) => path !== self);

  test("none is left out without a reason that a run shows", () => {
    const silent =
      /\b(test|it|describe)\b[\w.]*\.(only|todo|skip|fails)\b|(?<!model\.)\bskip\(\s*\)/;
    expect(linesMatching(others, silent)).toEqual([]);
  });

  test("a conditional one names what it needs in its title", () => {
    const nameless = others.flatMap(([path, text]) =>
      [...text.matchAll(/\.(skipIf|runIf)\(/g)]
        .filter(({ index }) => !/\bneeds /.test(text.slice(index, index + 300)))
        .map(({ index }) => `${path}: ${text.slice(index, index + 60)}`),
    );
    expect(nameless).toEqual([]);
  });

  const named = new Map<number, string[]>();
  for (const [path, text] of others) {
    for (const [, list = ""] of text.matchAll(/["'`]((?:I\d+(?:, | and | )?)+): /g)) {
      for (const [, digits] of list.matchAll(/I(\d+)/g)) {
        const number = Number(digits);
        named.set(number, [...(named.get(number) ?? []), path]);
      }
    }
  }

  test.each(Object.entries(INVARIANTS))("I%s is named by a test: %s", (digits) => {
    expect(named.has(Number(digits)), `no test title begins with "I${digits}: "`).toBe(true);
  });

  test("no test names an invariant that does not exist", () => {
    expect([...named.keys()].filter((number) => !(number in INVARIANTS))).toEqual([]);
  });
});

describe("README", () => {
  const readme = texts.get("README.md") ?? "";

  test("fits on two screens and names the commands", () => {
    expect(readme.split("\n").length - 1).toBeLessThanOrEqual(README_LINES_MAX);
    for (const command of ["make run", "make test"]) expect(readme).toContain(command);
  });

  test("its map has a line for every folder at the top", () => {
    const folders = new Set(files.filter((path) => path.includes("/")).map(topOf));
    folders.delete(".ci");
    const missing = [...folders].filter((folder) => !readme.includes(`\n${folder}/ `));
    expect(missing).toEqual([]);
  });

  test("every document that it points to exists", () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => path);
    expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(links.length).toBeGreaterThan(0);
  });
});

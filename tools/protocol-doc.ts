// Writes docs/PROTOCOL.md, protocol.cddl, flow-services.md, boards.md and the schemas of files from the code: `make docs`.
// With --check nothing is written: it exits 1 and names the file that is not what the code would write.

import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openNaclCrypto } from "../hal/drivers/nacl-crypto.ts";
import { AUTO_SCHEMA } from "./auto-profile.ts";
import { boardsMarkdown } from "./boards-doc.ts";
import { DEVICE_SCHEMA } from "./device-schema.ts";
import { flowServicesMarkdown } from "./flow-services-doc.ts";
import { protocolCddl } from "./protocol-cddl.ts";
import { tellStory } from "./protocol-examples.ts";
import { protocolMarkdown } from "./protocol-markdown.ts";
import { SCENARIO_SCHEMA } from "./scenario-schema.ts";

/** File name to text. */
export function protocolDocuments(): ReadonlyMap<string, string> {
  return new Map([
    ["PROTOCOL.md", protocolMarkdown(tellStory(openNaclCrypto()))],
    ["protocol.cddl", protocolCddl()],
    ["flow-services.md", flowServicesMarkdown()],
    ["boards.md", boardsMarkdown()],
    ["device.schema.json", jsonText(DEVICE_SCHEMA)],
    ["auto.schema.json", jsonText(AUTO_SCHEMA)],
    ["scenario.schema.json", jsonText(SCENARIO_SCHEMA)],
  ]);
}

function jsonText(schema: object): string {
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** Names of the files in the folder that are missing or are not what the code says. */
export function staleDocuments(folder: string): readonly string[] {
  return [...protocolDocuments()].flatMap(([name, text]) => {
    return readText(join(folder, name)) === text ? [] : [name];
  });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function main(args: readonly string[]): void {
  if (!args.includes("--check")) {
    for (const [name, text] of protocolDocuments()) writeFileSync(join("docs", name), text);
    return;
  }
  for (const name of staleDocuments("docs")) {
    process.stderr.write(`docs/${name} is stale: run make docs\n`);
    process.exitCode = 1;
  }
}

const [, script] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href) {
  main(process.argv.slice(2));
}

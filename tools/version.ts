// Which release this is, as package.json has it.

import { readFileSync } from "node:fs";
import { PROTOCOL_MAJOR, PROTOCOL_MINOR } from "../firmware/protocol/messages.ts";

/** Beside the sources: from build/tools it is two folders up. */
const PACKAGE = new URL("../../package.json", import.meta.url);

export function versionText(): string {
  const { version } = JSON.parse(readFileSync(PACKAGE, "utf8")) as { version: string };
  return `sluice ${version}, protocol ${PROTOCOL_MAJOR}.${PROTOCOL_MINOR}`;
}

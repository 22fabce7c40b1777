// An inventory: the boards that one command deploys to, each with its device file, named from the inventory's folder.

import { dirname, resolve } from "node:path";
import { fail, ok, type Result } from "../firmware/result.ts";
import { carriedFiles } from "./carried-files.ts";
import { readYamlFile } from "./device-file.ts";
import { schemaCheck } from "./device-schema.ts";
import { label, object, type Schema } from "./service-schema.ts";

const BOARDS_MAX = 200;

export interface InventoryBoard {
  /** As ssh takes it. */
  host: string;
  /** Path of its device file. */
  device: string;
}

const INVENTORY_SCHEMA: Schema = object(["version", "boards"], {
  version: { const: 1 },
  boards: {
    description: "Where to deploy what",
    type: "array",
    minItems: 1,
    maxItems: BOARDS_MAX,
    items: object(["host", "device"], {
      host: { ...label("As ssh takes it, such as pi@charger1", 255), pattern: "^[^\\s-][^\\s]*$" },
      device: {
        ...label("Its device file, from the folder of this file", 255),
        pattern: "^[^\\s]+$",
      },
    }),
  },
});

const check = schemaCheck<{ boards: InventoryBoard[] }>(INVENTORY_SCHEMA);

/**
 * Every device file is looked at before anything is carried anywhere. Errors: `not-found`, `too-large` and `malformed`
 * with a path such as boards.2.host, `exists` for a host that stands there twice, those of device files.
 */
export function readInventory(path: string): Result<readonly InventoryBoard[]> {
  const read = readYamlFile(path);
  const checked = read.ok ? check(read.value) : read;
  if (!checked.ok) {
    const { kind, message, at } = checked.fault;
    return fail(kind, `inventory ${path}: ${message}`, at);
  }
  const boards: InventoryBoard[] = [];
  const devices = new Set<string>();
  for (const [index, { host, device: named }] of checked.value.boards.entries()) {
    if (boards.some((one) => one.host === host)) {
      return fail("exists", `inventory ${path}: ${host} is listed above`, `boards.${index}.host`);
    }
    const device = resolve(dirname(path), named);
    const files = devices.has(device) ? ok([]) : carriedFiles(device);
    if (!files.ok) return files;
    devices.add(device);
    boards.push({ host, device });
  }
  return ok(boards);
}

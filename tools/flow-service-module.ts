// A flow service out of a module of its author's: the export named `service`, or the only one there is.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { FlowService } from "../firmware/payment/engine/service.ts";
import { fail, ok, type Result } from "../firmware/result.ts";

const HOW = "export one made by definePaymentFlowService, under the name service";

/** Runs the module. Errors: `not-found`, `usage` when it holds no service or several. Throws what the module throws. */
export async function loadFlowService(module: string | undefined): Promise<Result<FlowService>> {
  if (module === undefined) return fail("usage", "name the module of the service", "MODULE");
  const url = locate(module);
  if (!url.ok) return url;
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(url.value)) as Record<string, unknown>;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail("environment", `${module} cannot be loaded: ${why}`, "MODULE");
  }
  const named = exported["service"];
  if (isFlowService(named)) return ok(named);
  const services = new Set(Object.values(exported).filter(isFlowService));
  const [only, ...more] = services;
  if (only === undefined)
    return fail("usage", `${module} exports no flow service: ${HOW}`, "MODULE");
  if (more.length === 0) return ok(only);
  const ids = [...services].map(({ id }) => id).join(", ");
  return fail("usage", `${module} exports several flow services (${ids}): ${HOW}`, "MODULE");
}

/** A file, or a package that is installed where we are. */
function locate(module: string): Result<string> {
  const path = resolve(module);
  if (existsSync(path)) return ok(pathToFileURL(path).href);
  try {
    const found = createRequire(join(resolve("."), "module.js")).resolve(module);
    return ok(pathToFileURL(found).href);
  } catch {
    return fail(
      "not-found",
      `${module} is neither a file nor a package that is installed here`,
      "MODULE",
    );
  }
}

function isFlowService(value: unknown): value is FlowService {
  if (typeof value !== "object" || value === null) return false;
  const { id, stages, info, call, refused, onInfoChanged } = value as Partial<FlowService>;
  const methods = [info, call, refused, onInfoChanged];
  return (
    typeof id === "string" &&
    Array.isArray(stages) &&
    methods.every((method) => typeof method === "function")
  );
}

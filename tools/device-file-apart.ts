// Reads a device file for a process that runs for months: in a thread that ends, so that 12 MiB of parser and
// schema do not stay. Works from build/ only, since Node cannot run TypeScript in a thread.

import { Worker } from "node:worker_threads";
import type { DeviceConfig } from "../firmware/config.ts";
import type { Result } from "../firmware/result.ts";

/** Answers as `readDeviceFile` does. */
export function readDeviceFileApart(path: string): Promise<Result<DeviceConfig>> {
  const worker = new Worker(new URL("./device-file-worker.js", import.meta.url), {
    workerData: path,
  });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error(`nobody has read ${path}`)));
  });
}

// The thread in which `sluice run` reads its device file: it answers once and ends, and the YAML parser and the
// checker of the schema end with it.

import { parentPort, workerData } from "node:worker_threads";
import { readDeviceFile } from "./device-file.ts";

if (parentPort !== null) parentPort.postMessage(readDeviceFile(String(workerData)));

// `sluice/producer`, for a program of a user's own that sells: a device out of its file, with keys, store, loop and broker as
// `sluice run` opens them, in this process. The steps of the selling role are those of docs/flows.md.

import { join, resolve } from "node:path";
import type { Log } from "../firmware/log.ts";
import { type Device, openDevice } from "../firmware/main.ts";
import type { Result } from "../firmware/result.ts";
import { readOrMakeKeys } from "./bench-keys.ts";
import type { Output } from "./command.ts";
import { readDeviceFile } from "./device-file.ts";
import { loadFlowService } from "./flow-service-module.ts";
import { versionText } from "./version.ts";

export interface ProducerOptions {
  /** What the device is and sells. */
  file: string;
  /** Folder of keys and stores, made at first use. One program at a time. */
  data: string;
  /** What happens, with its level: debug, info, warn or error. */
  log?: Log;
  /** What a display shows that is the terminal of the program. */
  show?: (text: string) => void;
  /** A bug of ours ended the device; its outputs are open. The program ends when it is not given. */
  onBug?: (error: unknown) => void;
}

/**
 * Opens the outputs, then everything else, and announces the device. An empty data folder gets bench keys. Errors: those of
 * the device file, of its keys and of `Producer.init`. Throws HalError for what the world does not give.
 */
export async function openProducer(options: ProducerOptions): Promise<Result<Device>> {
  const { file, log = () => undefined, show = () => undefined, onBug = endProgram } = options;
  const read = readDeviceFile(file);
  if (!read.ok) return read;
  const config = read.value;
  const data = resolve(options.data);
  const opened = await openDevice({
    ...{ config, data, log, show, onBug, version: versionText(), resetCatalogue: false },
    trust: async () => readOrMakeKeys(join(data, config.keys), outputTo(log)),
    loadService: loadFlowService,
    onAlive: () => undefined,
  });
  if (!opened.ok) return opened;
  const announced = opened.value.producer.startBroadcast();
  if (announced.ok) return opened;
  await opened.value.close();
  return announced;
}

function endProgram(error: unknown): never {
  throw error;
}

/** What provisioning says goes where everything goes. */
function outputTo(log: Log): Output {
  return {
    json: false,
    say: (line) => log("info", "keys", { message: line }),
    emit: () => undefined,
    progress: () => undefined,
    fault: ({ kind, message }) => log("error", "keys", { kind, message }),
  };
}

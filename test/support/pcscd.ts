// Debian's smart card daemon with the driver for GemPC Twin readers, as an independent peer: run with a socket of its
// own, in a mount namespace, so that it never meets a daemon of the machine.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DAEMON = "/usr/sbin/pcscd";
const DRIVER = "/usr/lib/pcsc/drivers/serial/libccidtwin.so";
const TOOL = "/usr/bin/opensc-tool";
const [UNSHARE, UNSHARE_OPTIONS] = ["/usr/bin/unshare", ["--mount", "--propagation", "private"]];
const PATIENCE_MS = 20_000;

/** Why it cannot be used here, or undefined. */
export function pcscdMissing(): string | undefined {
  const packages = { [DAEMON]: "pcscd", [DRIVER]: "libccid", [TOOL]: "opensc" };
  for (const [file, name] of Object.entries(packages)) {
    if (!existsSync(file)) return `${file} is not installed: apt-get install ${name}`;
  }
  return process.getuid?.() === 0 ? undefined : "a daemon with a socket of its own needs root";
}

export interface Pcscd {
  folder: string;
  /** What opensc-tool prints. */
  tool(...args: string[]): Promise<string>;
  /** Everything the daemon and its driver have said. */
  said(): string;
  stop(): Promise<void>;
}

/** For the reader at `device`, which must answer already. */
export async function startPcscd(device: string): Promise<Pcscd> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-pcscd-"));
  const sockets = join(folder, "run");
  const settings = join(folder, "reader.conf.d");
  mkdirSync(sockets);
  mkdirSync(settings);
  const lines = [
    'FRIENDLYNAME "Bench Twin"',
    `DEVICENAME ${device}:GemPCTwin`,
    `LIBPATH ${DRIVER}`,
    "",
  ];
  writeFileSync(join(settings, "twin"), lines.join("\n"));
  const steps = [
    "mount -t tmpfs none /run",
    "mkdir /run/pcscd",
    `mount --bind ${sockets} /run/pcscd`,
    `exec ${DAEMON} --foreground --debug --config ${settings}`,
  ];
  const env = { ...process.env, LIBCCID_ifdLogLevel: "0x000F" };
  const child = spawn(UNSHARE, [...UNSHARE_OPTIONS, "sh", "-c", steps.join(" && ")], { env });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Buffer) => {
      said += bytes.toString("latin1");
    });
  }
  const socket = join(sockets, "pcscd.comm");
  const tool = (...args: string[]): Promise<string> =>
    new Promise((resolve) => {
      const options = {
        env: { ...process.env, PCSCLITE_CSOCK_NAME: socket },
        timeout: PATIENCE_MS,
      };
      execFile(TOOL, args, options, (_error, out, err) => resolve(out + err));
    });
  return {
    ...{ folder, tool, said: () => said },
    stop: async () => {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  // The process that was started has become the daemon itself.
  child.kill("SIGKILL");
  await exited;
}

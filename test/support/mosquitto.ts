// Debian's MQTT broker as an independent peer, where it is installed.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = "/usr/sbin/mosquitto";

/** Why it cannot be used here, or undefined. */
export function mosquittoMissing(): string | undefined {
  return existsSync(PROGRAM) ? undefined : `${PROGRAM} is not installed: apt-get install mosquitto`;
}

/** On that port of the loopback address, or on a free one, with settings of its own. `stop` kills it. */
export async function startMosquitto(
  wanted?: number,
  own: readonly string[] = ["allow_anonymous true"],
): Promise<{ port: number; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-mosquitto-"));
  const port = wanted ?? (await freePort());
  const settings = join(directory, "mosquitto.conf");
  writeFileSync(settings, [`listener ${port} 127.0.0.1`, ...own, "user root", ""].join("\n"));
  const child = spawn(PROGRAM, ["-c", settings], { stdio: "ignore" });
  await answering(port, child);
  return {
    port,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await exited;
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => socket.destroy());
      socket.unref();
      setTimeout(() => socket.destroy(), 500).unref();
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`mosquitto does not answer on port ${port} (exit code ${child.exitCode})`);
}

// A board without systemd and without a device: the programs that deploy/switch.sh asks, played, around the real switch.sh and choose.sh.

import { spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./played-ssh.ts";

/** What becomes of a release that is started. */
type Fate = "ready" | "dies" | "never ready" | "cannot be started";

const SYSTEMCTL = `#!/bin/sh
start() {
  # A unit that the service manager cannot read: what chooses does not run either.
  if [ -e FOLDER/current/broken ]; then return; fi
  sh FOLDER/choose.sh FOLDER FOLDER/next >>FOLDER/chosen
  # Started again by the service manager, which chooses anew.
  if [ -e FOLDER/current/dies ]; then sh FOLDER/choose.sh FOLDER FOLDER/next >>FOLDER/chosen; fi
  if [ -e FOLDER/current/broken ]; then echo failed >FOLDER/state; return; fi
  echo $(($(cat FOLDER/pid) + 1)) >FOLDER/pid
  echo active >FOLDER/state
}
echo "$*" >>FOLDER/asked
case "$*" in
  "is-active sluice") cat FOLDER/state ;;
  "show -P MainPID sluice") cat FOLDER/pid ;;
  "show -P NRestarts sluice") echo 0 ;;
  "kill "*USR2*) if [ ! -e FOLDER/busy ]; then start; fi ;;
  *restart*) start ;;
esac
`;

export class PlayedBoard {
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-board-"));
  readonly #server: Server;
  /** What it answers instead of how it is. */
  answer: string | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (_, response) => response.end(this.#ready()));
    for (const each of ["bin", "run"]) mkdirSync(join(this.folder, each));
    this.release("old", "ready");
    for (const each of ["current", "confirmed"]) this.link(each, "old");
    this.write("pid", "100");
    this.write("state", "active");
    this.#program("systemctl", SYSTEMCTL.replaceAll("FOLDER", this.folder));
    this.#program("journalctl", "#!/bin/sh\necho last words\n");
    for (const name of ["choose.sh", "switch.sh"]) {
      const text = readFileSync(join(ROOT, "deploy", name), "utf8");
      const here = text
        .replace("home=/opt/sluice\n", `home=${this.folder}\n`)
        .replace("next=/run/sluice-next\n", `next=${this.folder}/next\n`)
        .replace("run=/run/sluice-switch\n", `run=${this.folder}/run\n`)
        .replace("/127.0.0.1/8737", `/127.0.0.1/${(server.address() as AddressInfo).port}`)
        .replace("STEADY_S=5\n", "STEADY_S=1\n");
      writeFileSync(join(this.folder, name), here);
    }
  }

  static async open(): Promise<PlayedBoard> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new PlayedBoard(server);
  }

  close(): void {
    this.#server.close();
    rmSync(this.folder, { recursive: true });
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), `${text}\n`);
  }

  release(name: string, fate: Fate): void {
    const folder = join(this.folder, "releases", name);
    for (const each of ["node/bin", "config"]) mkdirSync(join(folder, each), { recursive: true });
    writeFileSync(join(folder, "node/bin/node"), "", { mode: 0o755 });
    writeFileSync(join(folder, "config/device.yaml"), "");
    writeFileSync(join(folder, "sluice.service"), "[Service]\n");
    const marks = {
      ready: "well",
      dies: "dies",
      "never ready": "never",
      "cannot be started": "broken",
    };
    writeFileSync(join(folder, marks[fate]), "");
  }

  link(name: string, to: string): void {
    rmSync(join(this.folder, name), { force: true });
    symlinkSync(`releases/${to}`, join(this.folder, name));
  }

  /** Names of current, confirmed and former. */
  names(): string[] {
    return ["current", "confirmed", "former"].map((name) => {
      try {
        return readlinkSync(join(this.folder, name)).replace("releases/", "");
      } catch {
        return "none";
      }
    });
  }

  #ready(): string {
    const has = (path: string): boolean => {
      try {
        return readFileSync(join(this.folder, path)).length >= 0;
      } catch {
        return false;
      }
    };
    if (this.answer !== undefined) return this.answer;
    if (has("current/broken")) return "";
    const ok = !has("current/never");
    const reasons = ok ? [] : ['the broker "x" is not connected', "[odd]"];
    return `${JSON.stringify({ ok, reasons, running: 0, busy: has("busy") })}\n`;
  }

  #program(name: string, script: string): void {
    writeFileSync(join(this.folder, "bin", name), script, { mode: 0o755 });
  }

  /** Runs switch.sh to its end: what it said, its result, and its exit code. */
  async switchTo(release: string, idleS: number, readyS: number) {
    const env = { ...process.env, PATH: `${join(this.folder, "bin")}:${process.env["PATH"]}` };
    const args = [join(this.folder, "switch.sh"), release, String(idleS), String(readyS)];
    const program = spawn("bash", args, { env, stdio: "ignore" });
    const code = await new Promise<number | null>((resolve) => program.on("exit", resolve));
    const text = (name: string): string => readFileSync(join(this.folder, "run", name), "utf8");
    return { code, log: text("log"), result: text("result").trim() };
  }
}

// While a board changes to another release it is on its own: what is told of it when the way there breaks, and how it ends.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type PlayedSsh, playSsh, ROOT } from "./played-ssh.ts";

let ssh: PlayedSsh | undefined;
afterEach(() => {
  if (ssh !== undefined) rmSync(ssh.folder, { recursive: true });
  ssh = undefined;
});

/** A board that goes back to its former release, which is followed as `follow` says. */
function rollback(follow: string) {
  ssh = playSsh(`
    *\\ former) echo 0.1.0-old ;;
    *\\ switch) echo "$words" >$folder/switched ;;
    *\\ status) echo "state     ready to sell" ;;
    *\\ follow) echo "$words" >>$folder/followed; ${follow} ;;
  `);
  const { folder, run } = ssh;
  const text = (name: string) => readFileSync(join(folder, name), "utf8");
  return { ...run("remote.sh", ["rollback", "charger1"]), text };
}

test("the way that broke is found again, from the line on which it broke", () => {
  const { status, stdout, text } = rollback(
    "case $words in *1) echo starting; echo waiting; exit 255 ;; *) echo ready; exit 0 ;; esac",
  );
  expect(status).toBe(0);
  expect(stdout).toBe(
    "going back to 0.1.0-old\nstarting\nwaiting\nready\nstate     ready to sell\n",
  );
  expect(text("followed")).toBe("follow 1\nfollow 3\n");
  expect(text("switched")).toBe("switch 0.1.0-old 600 300\n");
}, 30_000);

test("a way that stays broken is told with what the board does meanwhile", () => {
  const { status, stderr } = rollback("exit 255");
  expect(status).toBe(1);
  expect(stderr).toContain(
    "It goes on by itself, and back by itself where that does not get ready: make status HOST=charger1",
  );
}, 60_000);

test("a release that did not get ready is exit 1, and a board that was started anew is told so", () => {
  expect(rollback("echo rolled back; exit 3")).toMatchObject({
    status: 1,
    stdout: "going back to 0.1.0-old\nrolled back\n",
  });
  rmSync(ssh?.folder ?? "", { recursive: true });
  const { status, stderr } = rollback("echo was started anew; exit 4");
  expect(status).toBe(1);
  expect(stderr).toContain("rollback: charger1: was started anew");
}, 30_000);

/** What follow says of a log that grows by a line whenever this program is begun and has ended, and then is at its end. */
function followWhileItGrows(program: string): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-follow-"));
  try {
    for (const each of ["bin", "run"]) mkdirSync(join(folder, each));
    const script = readFileSync(join(ROOT, "deploy/on-target.sh"), "utf8");
    writeFileSync(
      join(folder, "on-target.sh"),
      script.replace("run=/run/sluice-switch\n", `run=${folder}/run\n`),
    );
    writeFileSync(join(folder, "run/log"), "starting\n");
    const play = (name: string, text: string) =>
      writeFileSync(join(folder, "bin", name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    play("systemctl", "exit 0");
    play("sleep", "exit 0");
    play(
      program,
      `log=${folder}/run/log
      grow() { [ -e ${folder}/run/result ] || echo "$1" >>$log; }
      grow before
      # Standard input may be the log, at its beginning.
      PATH=\${PATH#*:} ${program} "$@"
      grow after
      echo 1 >${folder}/run/result`,
    );
    const env = { ...process.env, PATH: `${folder}/bin:${process.env["PATH"]}` };
    const args = [join(folder, "on-target.sh"), "follow", "1"];
    return spawnSync("bash", args, { env, encoding: "utf8", timeout: 20_000 }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.each(["wc", "sed"])(
  "no line is lost that comes while %s looks at the log",
  (program) => {
    expect(followWhileItGrows(program)).toBe("starting\nbefore\nafter\n");
  },
  30_000,
);

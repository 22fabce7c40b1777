// A way to boards that do not exist: a program named ssh that answers what a board's shell would, by host and verb.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface PlayedSsh {
  folder: string;
  run(
    script: string,
    args: readonly string[],
  ): { status: number | null; stdout: string; stderr: string };
}

/** `answers`: a shell's `case` over "$host $verb", where $words is the verb with what follows it, and $folder is kept between calls. */
export function playSsh(answers: string): PlayedSsh {
  const folder = mkdtempSync(join(tmpdir(), "sluice-ssh-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const script = [
    "#!/bin/sh",
    `folder=${folder}`,
    'case "$*" in *"-O exit"*) exit ;; esac',
    // What stands before the command is the host.
    "for last; do host=$now now=$last; done",
    'words=$(echo "$last" | sed "s/.*bash -s -- //") verb=$(echo "$words" | cut -d" " -f1)',
    'case $last in *"id -u"*) echo root; exit ;; esac',
    'case "$host $verb" in',
    answers,
    "esac",
  ];
  writeFileSync(join(bin, "ssh"), `${script.join("\n")}\n`, { mode: 0o755 });
  return {
    folder,
    run: (name, args) => {
      const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}` };
      const { status, stdout, stderr } = spawnSync(join(ROOT, "deploy", name), args, {
        encoding: "utf8",
        env,
        timeout: 60_000,
      });
      return { status, stdout, stderr };
    },
  };
}

// The passphrase of an operator's key: from a file, from the environment, or asked for on the terminal without
// showing it. It is never an argument, because every user of a machine sees those.

import type { ReadStream } from "node:tty";
import { fail, ok, type Result } from "../firmware/result.ts";
import { HalError } from "../hal/hal-error.ts";
import { readPrivateFile } from "../hal/linux/private-file.ts";

const CHARACTERS_MIN = 8;
const CHARACTERS_MAX = 256;
const FILE_BYTES_MAX = 1024;
const VARIABLE = "SLUICE_PASSPHRASE";

export interface PassphraseAsking {
  /** Of what, as the question names it. */
  of: string;
  /** For a new key: asked for twice, and not too short. */
  fresh: boolean;
  /** Read its first line instead of asking. */
  file?: string;
  /** Somebody to ask: absent when a program is listening. */
  terminal?: Terminal;
}

export interface Terminal {
  input: Pick<ReadStream, "setRawMode" | "on" | "off" | "resume" | "pause">;
  write(text: string): void;
}

/** Standard input, when a person is there; questions go to standard error, so that output can be piped on. */
export function openTerminal(): Terminal | undefined {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) return undefined;
  return { input: stdin, write: (text) => void stderr.write(text) };
}

/** Errors: `usage` when there is nowhere to have it from, `bad-key-file` for a file that is not fit. */
export async function readPassphrase(asking: PassphraseAsking): Promise<Result<string>> {
  const { of, fresh, file, terminal } = asking;
  const given = file === undefined ? ok(process.env[VARIABLE]) : fromFile(file);
  if (!given.ok) return given;
  if (given.value !== undefined && given.value !== "") return check(given.value, fresh);
  if (terminal === undefined) {
    return fail(
      "usage",
      `${of} needs a passphrase: set ${VARIABLE}, or name a file that holds it with --passphrase-file`,
    );
  }
  const first = await ask(terminal, `Passphrase of ${of}: `);
  if (!first.ok) return first;
  const checked = check(first.value, fresh);
  if (!checked.ok || !fresh) return checked;
  const second = await ask(terminal, "Once more: ");
  if (!second.ok) return second;
  return second.value === first.value ? first : fail("usage", "the two passphrases differ");
}

function check(passphrase: string, fresh: boolean): Result<string> {
  const { length } = [...passphrase];
  if (length > CHARACTERS_MAX || (fresh && length < CHARACTERS_MIN)) {
    return fail(
      "usage",
      `a passphrase has ${CHARACTERS_MIN} to ${CHARACTERS_MAX} characters`,
      "passphrase",
    );
  }
  return ok(passphrase);
}

function fromFile(path: string): Result<string | undefined> {
  try {
    const bytes = readPrivateFile(path, FILE_BYTES_MAX);
    const [line] = Buffer.from(bytes ?? [])
      .toString("utf8")
      .split(/\r?\n/);
    if (line !== undefined && line !== "") return ok(line);
    const why = bytes === undefined ? "does not exist" : "begins with an empty line";
    return fail("bad-key-file", `${path} ${why}`, "--passphrase-file");
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    return fail("bad-key-file", error.message, "--passphrase-file");
  }
}

/** One line, typed unseen. Error: `usage` when it is broken off. */
function ask({ input, write }: Terminal, question: string): Promise<Result<string>> {
  write(question);
  input.setRawMode(true);
  input.resume();
  return new Promise((resolve) => {
    let typed: string[] = [];
    const finish = (result: Result<string>): void => {
      input.off("data", onData);
      input.setRawMode(false);
      input.pause();
      write("\n");
      resolve(result);
    };
    const onData = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === "\r" || character === "\n") {
          finish(ok(typed.join("")));
          return;
        }
        // Ctrl-C and Ctrl-D reach nobody else in raw mode.
        if (character === "\u0003" || character === "\u0004") {
          finish(fail("usage", "broken off: no passphrase was given"));
          return;
        }
        if (character === "\u007f" || character === "\b") typed.pop();
        else if (character === "\u0015") typed = [];
        else if (typed.length <= CHARACTERS_MAX) typed.push(character);
      }
    };
    input.on("data", onData);
  });
}

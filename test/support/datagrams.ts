// A local datagram socket that listens, by Python, because Node has none: what a service manager holds out to a service.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const LISTEN = `
import json, socket, sys
here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
here.bind("\\0" + name[1:] if name.startswith("@") else name)
print(json.dumps("listening"), flush=True)
while True:
    print(json.dumps(here.recv(4096).decode()), flush=True)
`;

export interface Datagrams {
  /** What came so far. */
  readonly texts: readonly string[];
  close(): Promise<void>;
}

/** Undefined where there is Python; else what is missing. */
export function datagramsMissing(): string | undefined {
  const { status } = spawnSync("python3", ["-c", "import socket"]);
  return status === 0 ? undefined : "python3 is needed to listen on a datagram socket";
}

/** `name`: a path, or "@" and a name in the abstract space. */
export async function listenDatagrams(name: string): Promise<Datagrams> {
  const child = spawn("python3", ["-c", LISTEN, name], { stdio: ["ignore", "pipe", "inherit"] });
  const texts: string[] = [];
  let partial = "";
  let heard: () => void = () => {};
  const listening = new Promise<void>((resolve) => {
    heard = resolve;
  });
  child.stdout.on("data", (chunk: Buffer) => {
    const parts = `${partial}${chunk}`.split("\n");
    partial = parts.pop() ?? "";
    for (const part of parts) {
      const text = JSON.parse(part) as string;
      if (text === "listening") heard();
      else texts.push(text);
    }
  });
  const ended = once(child, "close");
  await Promise.race([
    listening,
    ended.then(() => Promise.reject(new Error(`nobody listens on ${name}`))),
  ]);
  return {
    texts,
    close: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

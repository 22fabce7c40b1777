// Two machines and the wire between them, as network namespaces: each end has an interface and an address, the
// middle carries frames late, loses some, or is cut. Needs root and iproute2; delay and loss are those of netem
// where the kernel has it, and of a relay of our own elsewhere.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Wire {
  /** How long every frame takes, each way. */
  delayMs: number;
  lossPercent: number;
  seed: number;
}

export interface Machine {
  address: string;
  /** Put in front of a command, it runs there. */
  within: readonly string[];
}

export interface TwoMachines {
  near: Machine;
  far: Machine;
  /** Pulls the cable, or plugs it in again. */
  setWire(state: "down" | "up"): void;
  close(): Promise<void>;
}

const [IP, TC] = ["ip", "tc"] as const;
const RELAY = fileURLToPath(new URL("./bad-link.py", import.meta.url));

/** Why there can be none here, or undefined. */
export function netnsMissing(): string | undefined {
  const name = `sluice-${process.pid}-try`;
  try {
    ip("netns", "add", name);
    ip("netns", "delete", name);
    return undefined;
  } catch (error) {
    return `network namespaces need root and iproute2: ${String((error as Error).message).trim()}`;
  }
}

export async function openTwoMachines(wire: Wire): Promise<TwoMachines> {
  const spaces = ["near", "middle", "far"].map((end) => `sluice-${process.pid}-${end}`);
  const [near = "", middle = "", far = ""] = spaces;
  let relay: ChildProcess | undefined;
  const close = async (): Promise<void> => {
    if (relay !== undefined && relay.exitCode === null && relay.signalCode === null) {
      const exited = new Promise((resolve) => relay?.once("exit", resolve));
      relay.kill("SIGKILL");
      await exited;
    }
    for (const space of spaces) quietly(() => ip("netns", "delete", space));
  };
  try {
    for (const space of spaces) {
      ip("netns", "add", space);
      ip("-n", space, "link", "set", "lo", "up");
    }
    for (const [space, port, address] of [
      [near, "to-near", "10.97.0.1/24"],
      [far, "to-far", "10.97.0.2/24"],
    ] as const) {
      ip("-n", middle, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space);
      ip("-n", middle, "link", "set", port, "up");
      ip("-n", space, "address", "add", address, "dev", "eth0");
      ip("-n", space, "link", "set", "eth0", "up");
    }
    for (const space of [near, far]) await carrier(space);
    const byKernel = [near, far].every((space) => netem(space, wire));
    const { delayMs, lossPercent } = byKernel ? { delayMs: 0, lossPercent: 0 } : wire;
    relay = await startRelay(middle, [delayMs, lossPercent, wire.seed]);
  } catch (error) {
    await close();
    throw error;
  }
  const machine = (space: string, address: string): Machine => {
    return { address, within: ["ip", "netns", "exec", space] };
  };
  return {
    near: machine(near, "10.97.0.1"),
    far: machine(far, "10.97.0.2"),
    setWire: (state) => ip("-n", middle, "link", "set", "to-far", state),
    close,
  };
}

/** The kernel notices within a second that the other end is up. */
async function carrier(space: string): Promise<void> {
  const look = (): string => String(execFileSync(IP, ["-n", space, "link", "show", "eth0"]));
  for (let i = 0; i < 200 && !/state UP/.test(look()); i++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** False where the kernel has none. */
function netem(space: string, { delayMs, lossPercent }: Wire): boolean {
  if (delayMs === 0 && lossPercent === 0) return false;
  const how = ["netem", "delay", `${delayMs}ms`, "loss", `${lossPercent}%`];
  const add = ["-n", space, "qdisc", "add", "dev", "eth0", "root", ...how];
  try {
    execFileSync(TC, add, { stdio: ["ignore", "ignore", "pipe"] });
    return true;
  } catch (error) {
    if (/qdisc kind is unknown|ENOENT/.test(String((error as Error).message))) return false;
    throw error;
  }
}

async function startRelay(space: string, numbers: readonly number[]): Promise<ChildProcess> {
  const command = ["netns", "exec", space, "python3", RELAY, "to-near", "to-far"];
  const relay = spawn(IP, [...command, ...numbers.map(String)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let complaint = "";
  relay.stderr?.on("data", (chunk: Buffer) => {
    complaint += String(chunk);
  });
  await new Promise<void>((resolve, reject) => {
    relay.stdout?.once("data", () => resolve());
    relay.once("error", reject);
    relay.once("exit", (code) => reject(new Error(`the relay ended with ${code}: ${complaint}`)));
  });
  return relay;
}

function ip(...args: readonly string[]): void {
  execFileSync(IP, args, { stdio: ["ignore", "ignore", "pipe"] });
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // It was not there.
  }
}

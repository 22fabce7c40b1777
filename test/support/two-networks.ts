// Two networks between which nothing is passed on, and one machine that stands in both, as network namespaces.
// Needs root and iproute2 (netnsMissing in netns.ts says whether they are there).

import { execFileSync } from "node:child_process";

export interface Host {
  /** Put in front of a command, it runs there. */
  within: readonly string[];
  /** Of the machine in the middle, as it is reached from here. */
  middle: string;
}

export interface TwoNetworks {
  first: Host;
  second: Host;
  middle: readonly string[];
  /** False when the two do not reach each other, as it must be. */
  areJoined(): boolean;
  close(): Promise<void>;
}

export function openTwoNetworks(): TwoNetworks {
  const name = (end: string): string => `sluice-${process.pid}-${end}`;
  const spaces = [name("first"), name("between"), name("second")] as const;
  const [first, between, second] = spaces;
  const close = async (): Promise<void> => {
    for (const space of spaces) {
      try {
        ip("netns", "delete", space);
      } catch {
        // It was not there.
      }
    }
  };
  try {
    for (const space of spaces) {
      ip("netns", "add", space);
      ip("-n", space, "link", "set", "lo", "up");
    }
    join(between, first, 1);
    join(between, second, 2);
  } catch (error) {
    void close();
    throw error;
  }
  const within = (space: string): readonly string[] => ["ip", "netns", "exec", space];
  return {
    first: { within: within(first), middle: "10.98.1.1" },
    second: { within: within(second), middle: "10.98.2.1" },
    middle: within(between),
    areJoined: () => /10\.98\.1\./.test(ip("-n", second, "route")),
    close,
  };
}

function join(between: string, space: string, network: number): void {
  const port = `net${network}`;
  ip("-n", between, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space);
  ip("-n", between, "address", "add", `10.98.${network}.1/24`, "dev", port);
  ip("-n", space, "address", "add", `10.98.${network}.2/24`, "dev", "eth0");
  ip("-n", between, "link", "set", port, "up");
  ip("-n", space, "link", "set", "eth0", "up");
}

function ip(...args: readonly string[]): string {
  return String(execFileSync("ip", args, { stdio: ["ignore", "pipe", "pipe"] }));
}

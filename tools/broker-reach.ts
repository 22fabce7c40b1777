// Who can reach the broker that we opened: said plainly, because beyond loopback it is anybody on the network.

import { networkInterfaces } from "node:os";
import type { Broker } from "../hal/linux/broker.ts";

/** Its addresses on the networks of this machine; none when it listens on loopback only. */
export function networkUrls({
  isOpen,
  host,
  port,
}: Pick<Broker, "isOpen" | "host" | "port">): string[] {
  if (!isOpen) return [];
  if (host !== "0.0.0.0" && host !== "::") return [urlOf(host, port)];
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family, scopeid }) => {
      return !internal && (family === "IPv4" || (host === "::" && !scopeid));
    })
    .map(({ address }) => urlOf(address, port));
}

/** Lines for people. */
export function reachText(
  broker: Pick<Broker, "isOpen" | "host" | "port" | "webSocketUrl">,
): string[] {
  const { isOpen, webSocketUrl } = broker;
  const lines =
    webSocketUrl === undefined ? [] : [`          ${webSocketUrl}   the same over WebSocket`];
  if (!isOpen) return lines;
  const others = networkUrls(broker).map((url) => `          ${url}   from other machines`);
  const warning =
    "          it listens beyond this machine and asks nobody who he is: docs/brokers.md";
  return [...lines, ...others, warning];
}

function urlOf(host: string, port: number): string {
  return `mqtt://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

// The ports of a program inside the engine: time and chance of a simulated world that follows the host's time, and a link
// whose network is the host's.

import type { Link, LinkMessage } from "../../hal/link.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";
import type { HostCalls, PortableProgram, Told } from "./host-calls.ts";

export interface PortableWorld {
  world: SimWorld;
  link: Link;
  tell(told: Told): void;
  program: Omit<PortableProgram, "start">;
}

export function portableWorld(host: HostCalls, seed: number): PortableWorld {
  const world = simWorld({ seed, wallStartMs: host.wallMs(), wallQuality: "synchronised" });
  world.bindTime(() => host.nowMs());
  const tell = (told: Told): void => host.tell(JSON.stringify(told));
  const { link, ...ofLink } = hostLink(host);
  const failed = (error: unknown): void => tell({ is: "failed", message: words(error) });
  const program = {
    nextMs: () => world.nextMs(),
    wake: () => void world.step().catch(failed),
    ...ofLink,
  };
  return { world, link, tell, program };
}

/** What a person reads of an error, with where it was thrown. */
export function words(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}\n${error.stack ?? ""}`
    : String(error);
}

type LinkCalls = Pick<PortableProgram, "arrive" | "granted" | "connected">;

/** Quality of service 0: what is under way when the connection breaks is lost. */
function hostLink(host: HostCalls): LinkCalls & { link: Link } {
  const waiting = new Map<string, () => void>();
  let onMessage: (message: LinkMessage) => void = () => undefined;
  let onState: (connected: boolean) => void = () => undefined;
  let isUp = true;
  return {
    link: {
      publish: (topic, payload, options) => {
        const { buffer, byteOffset, byteLength } = payload;
        const bytes = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
        host.publish(topic, bytes, options?.retain === true);
      },
      subscribe: (filter) =>
        new Promise((resolve) => {
          waiting.set(filter, resolve);
          host.subscribe(filter);
        }),
      onMessage: (listener) => {
        onMessage = listener;
      },
      onState: (listener) => {
        onState = listener;
      },
      connected: () => isUp,
      close: () => Promise.resolve(),
    },
    arrive: (topic, payload, retained) =>
      onMessage({ topic, payload: new Uint8Array(payload), retained }),
    granted: (filter) => {
      waiting.get(filter)?.();
      waiting.delete(filter);
    },
    connected: (isConnected) => {
      isUp = isConnected;
      onState(isConnected);
    },
  };
}

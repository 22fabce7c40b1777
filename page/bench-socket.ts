// The page's line to its bench: what is asked goes out with a number, and its answer comes back with it; what the bench tells of
// itself comes unasked. A lost line is made again by itself.

import type { BenchEvent, BenchState } from "../bench/bench-state.ts";
import type { DoneSize } from "../bench/done-actions.ts";

export interface BenchTime {
  nowMs: number;
  wallMs: number;
  rate: number;
  paused: boolean;
}

export interface Hello {
  /** Another one is another world. */
  world: string;
  seed: number;
  scenarios: readonly string[];
}

export type Answer =
  | { ok: true; [fact: string]: unknown }
  | { ok: false; kind: string; at?: string; message: string };

export interface BenchListener {
  hello(hello: Hello): void;
  state(time: BenchTime, state: BenchState, recorded: DoneSize): void;
  events(events: readonly BenchEvent[]): void;
  connected(connected: boolean): void;
}

export interface BenchSocket {
  /** Never rejects: without a line the answer is a refusal. */
  ask(request: Readonly<Record<string, unknown>>): Promise<Answer>;
}

const AGAIN_MS = 1_000;
const MESSAGE_BYTES_MAX = 1024 * 1024;
const TOO_LARGE: Answer = {
  ...{ ok: false, kind: "too-large" },
  message: "it is larger than this page may send: give it to sluice bench run",
};
const GONE: Answer = { ok: false, kind: "gone", message: "the bench does not answer" };

/** Of the server that the page came from, under the very name by which it was reached. */
export function socketAddress(path: string): string {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

export function openBenchSocket(listener: BenchListener): BenchSocket {
  let socket: WebSocket | undefined;
  let asked = 0;
  const waiting = new Map<number, (answer: Answer) => void>();
  const connect = (): void => {
    const opened = new WebSocket(socketAddress("bench"), "sluice-bench");
    opened.addEventListener("open", () => {
      socket = opened;
      listener.connected(true);
    });
    opened.addEventListener("message", ({ data }) => hear(String(data)));
    opened.addEventListener("close", () => {
      socket = undefined;
      listener.connected(false);
      for (const answer of waiting.values()) answer(GONE);
      waiting.clear();
      window.setTimeout(connect, AGAIN_MS);
    });
  };
  const hear = (text: string): void => {
    const told = JSON.parse(text) as Record<string, unknown>;
    if (told["hello"] !== undefined) listener.hello(told["hello"] as Hello);
    if (told["state"] !== undefined) {
      const { time, state, recorded } = told;
      listener.state(time as BenchTime, state as BenchState, recorded as DoneSize);
    }
    if (told["events"] !== undefined) listener.events(told["events"] as BenchEvent[]);
    const id = Number(told["id"]);
    waiting.get(id)?.(told as Answer);
    waiting.delete(id);
  };
  connect();
  return {
    ask: (request) => {
      if (socket === undefined) return Promise.resolve(GONE);
      asked++;
      const id = asked;
      const text = JSON.stringify({ id, ...request });
      // The bench would hang up.
      if (new Blob([text]).size > MESSAGE_BYTES_MAX) return Promise.resolve(TOO_LARGE);
      socket.send(text);
      return new Promise((resolve) => waiting.set(id, resolve));
    },
  };
}

// The page's end of its socket to the bench, without a page: asks, and keeps what it is told.

import { WebSocket } from "ws";
import type { BenchState } from "../../bench/bench-state.ts";
import { untilSo } from "./own-wires.ts";

export type Told = Record<string, unknown>;

export class PageSocket {
  readonly told: Told[] = [];
  state: BenchState | undefined;
  readonly socket: WebSocket;
  #asked = 0;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url.replace("http", "ws").concat("bench"), ["sluice-bench"], {
      headers,
    });
    this.socket.on("error", () => undefined);
    this.socket.on("message", (data) => {
      const told = JSON.parse(String(data)) as Told;
      if (told["state"] !== undefined) this.state = told["state"] as BenchState;
      else this.told.push(told);
    });
  }

  async ask(words: Told): Promise<Told> {
    this.#asked += 1;
    const id = this.#asked;
    this.socket.send(JSON.stringify({ id, ...words }));
    return this.answer((told) => told["id"] === id);
  }

  async answer(fits: (told: Told) => boolean): Promise<Told> {
    let found: Told | undefined;
    await untilSo("an answer", () => {
      found = this.told.find(fits);
      return found !== undefined;
    });
    return found ?? {};
  }

  events(): readonly Told[] {
    return this.told.flatMap(({ events = [] }) => events as Told[]);
  }
}

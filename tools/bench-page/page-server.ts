// Serves the bench page on this computer: its files, one socket on which it sees and steers the bench, and one on which it is a
// buyer like any other over MQTT.

import { createServer, type Server } from "node:http";
import type { BenchBoardSetup } from "../../bench/bench.ts";
import type { BenchEvent } from "../../bench/bench-state.ts";
import type { Result } from "../../firmware/result.ts";
import { HalError } from "../../hal/hal-error.ts";
import { openBroker } from "../../hal/linux/broker.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { routeWebSockets, type TextSocket } from "../../hal/linux/websocket.ts";
import { readScenario } from "../scenario-file.ts";
import { PageBench } from "./page-bench.ts";
import { findPageFiles, mayEnter, type PageFiles, servePage } from "./page-files.ts";
import { type PageWish, readPageRequest } from "./page-requests.ts";
import { PastEvents } from "./past-events.ts";

export interface PageServerOptions {
  boards: readonly BenchBoardSetup[];
  seed: number;
  rate: number;
  /** 0 takes any free one. */
  port: number;
  /** Where the built page is, and the scenarios that ship. */
  pageFolder: string;
  scenarioFolder: string;
  /** An event of the world has thrown. */
  onError(error: unknown): void;
}

export interface PageServer {
  url: string;
  port: number;
  /** For programs on this computer: the boards of the bench are found there. */
  mqttUrl: string;
  /** Idempotent. */
  close(): Promise<void>;
}

const HERE = "127.0.0.1";
const STATE_MS = 100;
/** A page that takes nothing any more is let go. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
const EVENTS_AT_ONCE_MAX = 2_000;
const SOCKETS_MAX = 16;
const HEADER_BYTES_MAX = 8 * 1024;

/** Rejects with HalError `refused` when the port is taken, and with the words of a bench that cannot be opened. */
export async function openPageServer(options: PageServerOptions): Promise<PageServer> {
  const { pageFolder, scenarioFolder, port } = options;
  const files = findPageFiles(pageFolder, scenarioFolder);
  const http = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, servePage(files));
  await listen(http, port);
  const address = http.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  const broker = await openBroker({ host: HERE, port: 0 });
  const pages = new Pages(options, files, `ws://${HERE}:${bound}/mqtt`);
  const clock = openSystemClock();
  const bench = await PageBench.open({
    ...{ boards: options.boards, seed: options.seed, rate: options.rate, clock, broker },
    onEvent: (event) => pages.tell(event),
    onTurn: () => pages.turn(clock.monotonicMs()),
    onWorld: () => pages.greetAll(),
    onError: options.onError,
  }).catch(async (error: unknown) => {
    await broker.close();
    await ended(http);
    throw error;
  });
  pages.bench = bench;
  const sockets = routeWebSockets(
    http,
    {
      "/bench": { protocol: "sluice-bench", onText: (socket) => pages.add(socket) },
      "/mqtt": { protocol: "mqtt", onStream: (stream) => broker.serve(stream) },
    },
    mayEnter,
  );
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    bench.close();
    sockets.close();
    await broker.close();
    await ended(http);
  };
  return {
    url: `http://${HERE}:${bound}/`,
    port: bound,
    mqttUrl: broker.url,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function listen(http: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", (error) => {
      reject(new HalError("refused", `port ${port} of ${HERE} cannot be had`, error));
    });
    http.listen(port, HERE, resolve);
  });
}

function ended(http: Server): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
  });
}

class Pages {
  bench: PageBench | undefined;
  readonly #options: PageServerOptions;
  readonly #files: PageFiles;
  readonly #mqtt: string;
  readonly #sockets = new Set<TextSocket>();
  readonly #past = new PastEvents();
  #events: BenchEvent[] = [];
  #lost = 0;
  #stateMs = 0;
  #lastState = "";

  constructor(options: PageServerOptions, files: PageFiles, mqtt: string) {
    this.#options = options;
    this.#files = files;
    this.#mqtt = mqtt;
  }

  add(socket: TextSocket): void {
    if (this.#sockets.size >= SOCKETS_MAX) {
      socket.close();
      return;
    }
    this.#sockets.add(socket);
    socket.onClose(() => this.#sockets.delete(socket));
    socket.onText((text) => void this.#answer(socket, text));
    this.#greet(socket);
  }

  tell(event: BenchEvent): void {
    this.#past.see(event);
    if (this.#sockets.size === 0) return;
    if (this.#events.length < EVENTS_AT_ONCE_MAX) this.#events.push(event);
    else this.#lost += 1;
  }

  turn(nowMs: number): void {
    const events = this.#events.splice(0);
    if (events.length > 0) this.#sendAll({ events, ...(this.#lost > 0 && { lost: this.#lost }) });
    this.#lost = 0;
    if (this.#sockets.size === 0 || nowMs - this.#stateMs < STATE_MS) return;
    this.#stateMs = nowMs;
    const state = JSON.stringify(this.#state());
    if (state === this.#lastState) return;
    this.#lastState = state;
    this.#sendText(state);
  }

  greetAll(): void {
    this.#events = [];
    this.#past.forget();
    for (const socket of this.#sockets) this.#greet(socket);
  }

  #greet(socket: TextSocket): void {
    const { bench } = this;
    if (bench === undefined) return;
    const { boards } = bench.state();
    const hello = {
      ...{ mqtt: this.#mqtt, world: bench.world, seed: bench.seed },
      devices: boards.map(({ id, device, name }) => ({ id, device, name })),
      scenarios: [...this.#files.scenarios.keys()],
    };
    socket.send(JSON.stringify({ hello }));
    socket.send(JSON.stringify(this.#state()));
    const events = this.#past.all();
    if (events.length > 0) socket.send(JSON.stringify({ events }));
  }

  #state(): object {
    const { bench } = this;
    return { time: bench?.time(), recorded: bench?.recorded(), state: bench?.state() };
  }

  #sendAll(message: object): void {
    this.#sendText(JSON.stringify(message));
  }

  #sendText(text: string): void {
    for (const socket of this.#sockets) {
      if (socket.waiting() > WAITING_BYTES_MAX) socket.close();
      else socket.send(text);
    }
  }

  async #answer(socket: TextSocket, text: string): Promise<void> {
    const request = readPageRequest(text);
    if (!("id" in request)) {
      socket.send(JSON.stringify({ ok: false, ...request }));
      return;
    }
    const { id, wish } = request;
    let answer: object;
    try {
      answer = wish.ok ? await this.#do(wish.value) : { ok: false, ...wish.fault };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      answer = { ok: false, kind: "refused", message: error.message };
    }
    socket.send(JSON.stringify({ id, ...answer }));
  }

  async #do(wish: PageWish): Promise<object> {
    const { bench } = this;
    if (bench === undefined) return { ok: false, kind: "refused", message: "it is opening" };
    switch (wish.is) {
      case "act":
        return bench.act(wish.action);
      case "rate":
        bench.setRate(wish.rate);
        return { ok: true };
      case "pause":
        bench.pause();
        return { ok: true };
      case "step":
        await bench.step();
        return { ok: true };
      case "record-start":
      case "restart":
        await bench.restart(wish.seed);
        return { ok: true };
      case "record-stop": {
        const scenario = await bench.recording();
        return scenario.ok
          ? { ok: true, scenario: scenario.value }
          : { ok: false, ...scenario.fault };
      }
      case "replay":
        return this.#replay(bench, wish.text);
    }
  }

  async #replay(bench: PageBench, text: string): Promise<object> {
    // One that ships may name the device files beside it; a text from a page may name no file.
    const ships = [...this.#files.scenarios.values()].includes(text);
    const folder = ships ? { folder: this.#options.scenarioFolder } : {};
    const scenario: Result<Parameters<PageBench["replay"]>[0]> = readScenario(text, folder);
    if (!scenario.ok) return { ok: false, ...scenario.fault };
    await bench.replay(scenario.value);
    return { ok: true };
  }
}

// A buyer who is no part of a bench's world: his own clock, his own program, and frames that are handed over while the world
// stands, as a page in a browser does it.

import type { Bench } from "../../bench/bench.ts";
import { toHex } from "../../firmware/bytes.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import type { Link, LinkMessage } from "../../hal/link.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { topicMatches } from "../../hal/sim/topic-filter.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";

/** So far the two worlds go on by turns. */
const TURN_MS = 5;

export class OutsideBuyer {
  readonly consumer: Consumer;
  readonly #bench: Bench;
  readonly #board: string;
  readonly #name: string;
  /** His own time. */
  readonly #world: SimWorld;
  readonly #filters = new Set<string>();
  #going: { topic: string; payload: Uint8Array }[] = [];
  #coming: LinkMessage[] = [];
  #hear: (message: LinkMessage) => void = () => undefined;

  constructor(bench: Bench, board: string, seed: number) {
    this.#bench = bench;
    this.#board = board;
    this.#world = simWorld({ seed });
    const entropy = this.#world.entropy("outside");
    const boxSecret = entropy.bytes(32);
    this.#name = connectionName(entropy.bytes(6));
    bench.onPublish(({ topic, payload }) => {
      this.#coming.push({ topic, payload: payload.slice(), retained: false });
    });
    const site = bench.sites.get(board);
    this.consumer = new Consumer(
      {
        ...{ clock: this.#world.clock, store: simStore().store(), link: this.#link() },
        ...{ crypto: openNaclCrypto(), entropy },
      },
      {
        ...{ connection: this.#name, boxSecret, trustNew: false, simulatedHost: true },
        operators: site === undefined ? [] : [site.operatorKey],
      },
    );
  }

  #link(): Link {
    return {
      publish: (topic, payload) => {
        this.#going.push({ topic, payload: payload.slice() });
      },
      subscribe: async (filter) => {
        this.#filters.add(filter);
        for (const { device } of this.#bench.sites.values()) {
          const topic = `s1/a/${device}`;
          const payload = this.#bench.broker.retained(topic);
          if (payload === undefined || !topicMatches(filter, topic)) continue;
          this.#coming.push({ topic, payload, retained: true });
        }
      },
      onMessage: (listener) => {
        this.#hear = listener;
      },
      onState: () => undefined,
      connected: () => true,
      close: async () => undefined,
    };
  }

  /** Lets both worlds go on until he is through with it; throws when he is not by then. */
  async meanwhile<T>(story: Promise<T>, limitMs: number): Promise<T> {
    let isOver = false;
    const over = story.finally(() => {
      isOver = true;
    });
    for (let ms = 0; !isOver; ms += TURN_MS) {
      if (ms > limitMs) throw new Error("he is not through with it");
      await this.turn();
    }
    return over;
  }

  async turn(): Promise<void> {
    await this.#world.runFor(TURN_MS);
    for (const { topic, payload } of this.#going.splice(0)) {
      const frame = { board: this.#board, do: "frame", from: this.#name, topic };
      const answer = this.#bench.act({ ...frame, payload: toHex(payload) });
      if (!answer.ok) throw new Error(`a frame is refused: ${answer["message"]}`);
    }
    await this.#bench.world.runFor(TURN_MS);
    for (const message of this.#coming.splice(0)) {
      const isWanted = [...this.#filters].some((filter) => topicMatches(filter, message.topic));
      if (isWanted) this.#hear(message);
    }
  }
}

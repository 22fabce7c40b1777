// The page as a buyer: the firmware's consumer, with the browser's own ports, at the bench's broker. Each step is one method; what
// has come of it so far is `view`, and `changed` is called whenever that is otherwise.

import type { BoardState } from "../bench/bench-state.ts";
import { fromHex, toHex } from "../firmware/bytes.ts";
import { Consumer } from "../firmware/consumer/consumer.ts";
import type { Dealer } from "../firmware/consumer/dealer.ts";
import type { Found } from "../firmware/consumer/discovery.ts";
import type { PriceOnList, ServiceOnList } from "../firmware/consumer/price-list.ts";
import { isPaid, type Purchase } from "../firmware/consumer/purchase.ts";
import { connectionName } from "../firmware/protocol/topics.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { type Offer, peekOffer } from "../firmware/token/offer.ts";
import type { Receipt } from "../firmware/token/receipt.ts";
import type { Clock } from "../hal/clock.ts";
import { openNaclCrypto } from "../hal/drivers/nacl-crypto.ts";
import type { Link } from "../hal/link.ts";
import { TEST_CARDS, type TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import { pageEntropy } from "./ports/entropy.ts";
import { openPageLink } from "./ports/link.ts";
import { openPageStore } from "./ports/store.ts";
import { type Bought, boughtOf, pulsesSoFar, receiptsOf, unfinished } from "./purchases.ts";
import type { TabMemory } from "./tab-memory.ts";

export interface ServiceToBuy extends ServiceOnList {
  prices: readonly PriceOnList[];
}

export interface BuyerView {
  stage: "new" | "found" | "chosen" | "quoted" | "paid" | "delivering" | "done";
  /** What is being waited for. */
  busy?: string;
  /** Why the last step did not succeed. */
  trouble?: string;
  devices: readonly Found[];
  device?: Found;
  services: readonly ServiceToBuy[];
  offer?: Offer;
  isStreamed: boolean;
  pulses: number;
  /** Units of a streamed order that are proved so far, and proofs given. */
  provedUnits: number;
  receipts: readonly Receipt[];
  /** Everything that this page has bought in this world, newest first. */
  purchases: readonly Bought[];
}

export interface Choice {
  service: number;
  price: number;
  units: number;
}

const DISCOVER_MS = 4_000;
const SETTLE_MS = 15_000;
const BOX_SECRET_BYTES = 32;
const NOBODY = "no device announces itself: is one powered, and its network there?";
const EXPIRY = { expiryYear: 30, expiryMonth: 12 };
/** One proof for each unit, before it is delivered: right at every rate, however late a proof is in the world's time. */
const STREAM = { step: 1, window: 0 };

export class Buyer {
  view: BuyerView = fresh();
  readonly #clock: Clock;
  readonly #memory: TabMemory;
  readonly #changed: () => void;
  #isClosed = false;
  #open: { consumer: Consumer; link: Link } | undefined;
  #dealer: Dealer | undefined;
  #purchase: Purchase | undefined;

  constructor(clock: Clock, memory: TabMemory, changed: () => void) {
    this.#clock = clock;
    this.#memory = memory;
    this.#changed = changed;
  }

  /** Another world begins: whatever it still waits for is of no use there. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#open?.consumer.close();
    await this.#open?.link.close();
  }

  #set(change: Partial<BuyerView>): void {
    this.view = { ...this.view, ...change };
    this.#changed();
  }

  /** One step at a time: what fails is shown, and can be tried again. */
  async #take(busy: string, work: () => Promise<Result<unknown>>): Promise<void> {
    if (this.view.busy !== undefined) return;
    const { trouble: _, ...view } = this.view;
    this.view = { ...view, busy };
    this.#changed();
    const failed = await work().then(
      (done) => (done.ok ? undefined : `${done.fault.message} (${done.fault.kind})`),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    // Books that cannot be read fail the step itself, in words.
    const purchases = await this.#books().catch(() => this.view.purchases);
    const { busy: __, ...after } = { ...this.view, purchases };
    this.view = failed === undefined ? after : { ...after, trouble: failed };
    this.#changed();
  }

  /** Looks who sells at this broker; it believes nobody but the operators of these boards. */
  discover(boards: readonly BoardState[]): Promise<void> {
    const busy = "looking who sells here";
    return this.#take(busy, async () => {
      const operators = boards.map(({ operatorKey }) => operatorKey);
      const consumer = await this.#consumer(operators);
      const expected = boards.filter(({ powered, connected }) => powered && connected).length;
      const seen = new Set<string>();
      const found = await consumer.discover({
        timeoutMs: DISCOVER_MS,
        enough: ({ device }) => seen.add(device).size >= expected,
      });
      if (!found.ok) return found;
      if (found.value.length === 0) return fail("not-found", NOBODY);
      const { purchases } = this.view;
      this.#set({ ...fresh(), purchases, stage: "found", devices: found.value, busy });
      return found;
    });
  }

  /**
   * After a reload of the page, or when somebody asks for it: one that was bought and is not over, the latest where none
   * is named, is taken up where it stands; a delivery that runs is joined.
   */
  async takeUp(order?: string): Promise<void> {
    let isRunning = false;
    await this.#take("taking up what this page has bought", async () => {
      const consumer = await this.#consumer(this.#memory.kept.operators);
      const open = unfinished(await consumer.purchases.list(), order);
      if (open === undefined) return ok(undefined);
      const filter = { id: open.device };
      const search = { timeoutMs: DISCOVER_MS, filter, enough: () => true };
      const found = await consumer.discover(search);
      if (!found.ok) return found;
      const [device] = found.value;
      if (device === undefined) return fail("not-found", `${open.name} does not announce itself`);
      this.#set({ devices: found.value });
      const dealt = await this.#deal(consumer, device);
      if (!dealt.ok) return dealt;
      // A payment that was under way is known from then on.
      const standing = await this.#with().standing(open);
      const now = (await consumer.purchases.get(open.id)) ?? open;
      const offer = peekOffer(now.offer);
      if (!offer.ok) return offer;
      this.#purchase = now;
      const isStreamed = now.stream !== undefined;
      const provedUnits = now.stream?.released ?? 0;
      const receipts = receiptsOf(now);
      const pulses = pulsesSoFar(receipts, provedUnits, offer.value);
      this.#set({ offer: offer.value, receipts, isStreamed, provedUnits, pulses });
      if (now.state === "quoted") this.#set({ stage: "quoted" });
      else if (now.state === "closed") this.#set({ stage: "done" });
      else if (isPaid(now)) this.#set({ stage: "paid" });
      else if (now.state === "failed") return fail("declined", now.why ?? "it was not paid");
      else if (standing.ok) return fail("busy", "its payment is not decided yet: take it up again");
      isRunning = standing.ok && standing.value.running;
      return standing;
    });
    if (isRunning && this.view.stage === "paid") await this.begin();
  }

  /** What this page has bought; nothing before its first step. */
  async #books(): Promise<readonly Bought[]> {
    return boughtOf((await this.#open?.consumer.purchases.list()) ?? []);
  }

  async #consumer(operators: readonly string[]): Promise<Consumer> {
    if (this.#open !== undefined) return this.#open.consumer;
    const entropy = pageEntropy;
    const connection = connectionName(entropy.bytes(8));
    const link = await openPageLink(connection);
    if (this.#isClosed) {
      await link.close();
      throw new Error("another world has begun");
    }
    const memory = this.#memory;
    const boxSecret = fromHex(memory.kept.boxSecret);
    const isKnown = boxSecret !== undefined && boxSecret.length === BOX_SECRET_BYTES;
    const secret = isKnown ? boxSecret : entropy.bytes(BOX_SECRET_BYTES);
    memory.keep({ boxSecret: toHex(secret), operators: [...operators] });
    const store = openPageStore(memory.kept.records, (records) => memory.keep({ records }));
    const ports = { clock: this.#clock, store, link, entropy };
    const consumer = new Consumer(
      { ...ports, crypto: openNaclCrypto() },
      {
        connection,
        boxSecret: secret,
        operators: operators.map((key) => fromHex(key) ?? new Uint8Array()),
        ...{ trustNew: false, simulatedHost: true },
      },
    );
    this.#open = { consumer, link };
    const ready = await consumer.setup();
    if (!ready.ok) throw new Error(ready.fault.message);
    consumer.onEvent((told) => {
      if (told.event === "proof") this.#set({ provedUnits: told.units });
    });
    return consumer;
  }

  /** Settles whether to deal with a device, and asks it what it sells for how much. */
  choose(device: Found): Promise<void> {
    return this.#take("asking for services and prices", async () => {
      const consumer = this.#open?.consumer;
      if (consumer === undefined) throw new Error("discover comes first");
      return this.#deal(consumer, device);
    });
  }

  async #deal(consumer: Consumer, device: Found): Promise<Result<unknown>> {
    const dealer = await consumer.init(device);
    if (!dealer.ok) return dealer;
    const listed = await dealer.value.requestServices();
    if (!listed.ok) return listed;
    const services: ServiceToBuy[] = [];
    for (const one of listed.value) {
      const prices = await dealer.value.getPrices(one.service);
      if (!prices.ok) return prices;
      services.push({ ...one, prices: prices.value });
    }
    this.#dealer = dealer.value;
    this.#set({ stage: "chosen", device, services });
    return listed;
  }

  /** A signed offer, checked. */
  quote(choice: Choice): Promise<void> {
    return this.#take("asking for a signed offer", async () => {
      const selected = await this.#with().select(choice);
      if (!selected.ok) return selected;
      this.#purchase = selected.value.purchase;
      const nothing = { pulses: 0, provedUnits: 0, receipts: [], isStreamed: false };
      this.#set({ ...nothing, stage: "quoted", offer: selected.value.offer });
      return selected;
    });
  }

  /** With a test card of the simulated host. Streamed, the money is only held, and released unit by unit. */
  pay(card: TestBehaviour, isStreamed: boolean): Promise<void> {
    return this.#take("paying", async () => {
      const stream = isStreamed ? { stream: STREAM } : {};
      const paid = await this.#with().pay(
        this.#bought(),
        { number: TEST_CARDS[card], ...EXPIRY },
        stream,
      );
      if (!paid.ok) return paid;
      this.#purchase = paid.value;
      this.#set({ stage: "paid", isStreamed });
      return paid;
    });
  }

  /** Has it delivered, and stays until the receipt is here. */
  async begin(): Promise<void> {
    await this.#take("being delivered", async () => {
      this.#set({ stage: "delivering" });
      const purchase = this.#bought();
      const progress = ({ pulses }: { pulses: number }): void => this.#set({ pulses });
      const delivered = await this.#with().begin(purchase, undefined, progress);
      if (!delivered.ok) {
        this.#set({ stage: "paid" });
        return delivered;
      }
      const kept = receiptsOf(await this.#with().settled(purchase, SETTLE_MS));
      const settlement = kept.find(({ is }) => is === "settlement");
      const { pulses } = settlement ?? this.view;
      this.#set({ stage: "done", receipts: kept, pulses });
      return delivered;
    });
  }

  /** Ends the delivery that runs; `begin` then comes to its end. */
  async stop(): Promise<void> {
    const ended = await this.#with().end(this.#bought(), "settle");
    if (!ended.ok) this.#set({ trouble: ended.fault.message });
  }

  #with(): Dealer {
    if (this.#dealer === undefined) throw new Error("choose a device first");
    return this.#dealer;
  }

  #bought(): Purchase {
    if (this.#purchase === undefined) throw new Error("quote comes first");
    return this.#purchase;
  }
}

function fresh(): BuyerView {
  return {
    ...{ stage: "new", devices: [], services: [], isStreamed: false },
    ...{ pulses: 0, provedUnits: 0, receipts: [], purchases: [] },
  };
}

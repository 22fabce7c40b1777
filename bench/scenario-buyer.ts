// A buyer of a scenario: does what the script says one after the other, in the world's time, while the script goes on; and
// what is seen of him.

import type { Consumer } from "../firmware/consumer/consumer.ts";
import type { Dealer } from "../firmware/consumer/dealer.ts";
import type { ConsumerEvent } from "../firmware/consumer/events.ts";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { formatMinor } from "../firmware/money.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { countText } from "../firmware/units.ts";
import { TEST_CARDS, type TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import type { Bench } from "./bench.ts";
import { buy, findDealer } from "./buyer.ts";
import type { BuyerAction, ScenarioBuyer } from "./scenario.ts";
import type { Site } from "./site.ts";

/** Of every test card. */
const EXPIRY = { expiryYear: 30, expiryMonth: 12 };

export class BuyerOnBench {
  readonly name: string;
  readonly #card: string;
  readonly #bench: Bench;
  readonly #consumer: Consumer;
  readonly #dealers = new Map<string, Dealer>();
  readonly #tell: (words: string) => void;
  #turn: Promise<void> = Promise.resolve();
  #last: { dealer: Dealer; id: string } | undefined;
  #fault = "none";
  #sales = 0;

  constructor(
    bench: Bench,
    consumer: Consumer,
    { name, card }: ScenarioBuyer,
    tell: (words: string) => void,
  ) {
    this.name = name;
    this.#card = TEST_CARDS[card];
    this.#bench = bench;
    this.#consumer = consumer;
    this.#tell = tell;
    consumer.onEvent((event) => this.#heard(event));
  }

  /** Begins it when all that he was told before is done; going away, coming back and ending are done at once. */
  do(action: BuyerAction): void {
    if (action.do === "vanish") this.#bench.broker.disconnect(this.#client());
    else if (action.do === "return") this.#bench.broker.reconnect(this.#client());
    else if (action.do === "end") void this.#end();
    else {
      this.#turn = this.#turn.then(async () => {
        const done = await this.#doing(action);
        if (done.ok) return;
        this.#fault = done.fault.kind;
        this.#tell(`cannot ${action.do}: ${done.fault.message} [${done.fault.kind}]`);
      });
    }
  }

  /** His last purchase as his own journal has it, the last fault that he met, receipts that he checked and keeps. */
  async seen(): Promise<Readonly<Record<string, unknown>>> {
    const last = this.#last && (await this.#consumer.purchases.get(this.#last.id));
    return {
      state: last?.state ?? "nothing",
      fault: this.#fault,
      receipts: last?.receipts.length ?? 0,
      sales: this.#sales,
    };
  }

  #cardOf({ card }: { card?: TestBehaviour }): string {
    return card === undefined ? this.#card : TEST_CARDS[card];
  }

  #client(): string {
    return this.#consumer.connection.replies.split("/")[2] ?? "";
  }

  async #doing(action: BuyerAction): Promise<Result<unknown>> {
    switch (action.do) {
      case "buy":
        return this.#buy(action);
      case "quote": {
        const dealer = await this.#dealer(action.board);
        const selected = await dealer.select(action);
        if (selected.ok) this.#last = { dealer, id: selected.value.purchase.id };
        return selected;
      }
      case "pay":
        return this.#paying((dealer, purchase) => {
          const card = { number: this.#cardOf(action), ...EXPIRY };
          return dealer.pay(purchase, card, action.stream && { stream: action.stream });
        });
      case "begin":
        return this.#paying((dealer, purchase) =>
          dealer.begin(purchase, action.units, () => undefined),
        );
      default:
        return ok(undefined);
    }
  }

  async #buy(action: Extract<BuyerAction, { do: "buy" }>): Promise<Result<unknown>> {
    const { board, stream, endAfterPulses, service, price, units } = action;
    const { done, purchases } = await buy(this.#site(board), this.#consumer, {
      ...{ service, price, units, card: this.#cardOf(action) },
      ...(stream && { pay: { stream } }),
      ...(endAfterPulses !== undefined && { endAfterPulses }),
    });
    const newest = [...purchases].sort((a, b) => (b.madeMs ?? 0) - (a.madeMs ?? 0))[0];
    if (newest !== undefined) {
      this.#last = { dealer: await this.#dealer(board), id: newest.id };
    }
    if (done) this.#sales += 1;
    return ok(undefined);
  }

  async #end(): Promise<void> {
    const ended = await this.#paying((dealer, purchase) => dealer.end(purchase));
    if (!ended.ok) this.#fault = ended.fault.kind;
  }

  async #paying(
    step: (dealer: Dealer, purchase: Purchase) => Promise<Result<unknown>>,
  ): Promise<Result<unknown>> {
    const last = this.#last;
    const purchase = last && (await this.#consumer.purchases.get(last.id));
    if (last === undefined || purchase === undefined) {
      return fail("out-of-order", "quote comes first");
    }
    return step(last.dealer, purchase);
  }

  #site(board: string): Site {
    const site = this.#bench.sites.get(board);
    if (site === undefined) throw new RangeError(`there is no board ${board}`);
    return site;
  }

  async #dealer(board: string): Promise<Dealer> {
    const known = this.#dealers.get(board);
    if (known !== undefined) return known;
    const dealer = await findDealer(this.#site(board), this.#consumer);
    this.#dealers.set(board, dealer);
    return dealer;
  }

  #heard(event: ConsumerEvent): void {
    const words = buyerWords(event);
    if (words !== undefined) this.#tell(words);
    if (event.event === "fault") this.#fault = event.fault.kind;
  }
}

/** What he goes through, in plain words; undefined for what is not worth a line. */
function buyerWords(event: ConsumerEvent): string | undefined {
  switch (event.event) {
    case "quote":
      return `is offered ${countText(event.units, "unit")} of service ${event.service} for ${formatMinor(event.totalMinor, event.currency)}`;
    case "payment":
      return `has paid order ${event.order}`;
    case "begin":
      return `begins session ${event.session} of order ${event.order}`;
    case "proof":
      return `pays unit ${event.units} while it is delivered`;
    case "end":
      return `has a receipt: ${countText(event.pulses, "pulse")} for ${formatMinor(event.amountMinor, event.currency)}, ${event.reason}`;
    case "fault":
      return `meets a fault at ${event.step}: ${event.fault.kind}`;
    default:
      return undefined;
  }
}

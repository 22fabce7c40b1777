// Sales to people at the board: a card at one of its readers starts the service that is shown, on a hold; what was
// delivered is captured and the rest released when it stops. Nobody there has a key: the device is its own consumer.

import type { ButtonPart } from "../../hal/board.ts";
import type { CardReader } from "../../hal/card-reader.ts";
import type { Clock } from "../../hal/clock.ts";
import type { Display, DisplayPage } from "../../hal/display.ts";
import type { StopCause, StopReason } from "../../hal/loop-host.ts";
import type { Printer } from "../../hal/printer.ts";
import type { FaultKind } from "../fault.ts";
import type { Log } from "../log.ts";
import { CARD_READ, NO_WORD, PRESENT_CARD } from "../payment/application/board-reading.ts";
import type { FlowEvent } from "../payment/model/flow-event.ts";
import { ok, type Result } from "../result.ts";
import { peekReceipt } from "../token/receipt.ts";
import type { Journal } from "./journal.ts";
import type { KeptReceipt } from "./journal-records.ts";
import type { Offers } from "./offers.ts";
import * as order from "./order.ts";
import type { Sale } from "./sale.ts";
import { BoardChoice, type ChoicePorts, type Chosen } from "./walk-up-choice.ts";
import {
  declinedPage,
  donePage,
  endingPage,
  idlePage,
  payingPage,
  printedReceipt,
  progressPage,
  rowsOf,
  troubleText,
  wordsPage,
} from "./walk-up-pages.ts";
import { BoardReaders, type HandFirst } from "./walk-up-readers.ts";
import { BoardScreen } from "./walk-up-screen.ts";
import { stopBegun } from "./walk-up-stop.ts";

type Order = order.Order;

const WORDS_MS = 6_000;
/** Long enough to scan the code. */
const DONE_MS = 20_000;
/** Whoever was served waits no longer for his receipt: what comes later is only printed. */
const LEFT_MS = 60_000;
const INVITATIONS = {
  card: "Present your card",
  button: "Press the button",
  none: "No card reader now",
} as const;

/** What is fitted for people at the board. */
export interface BoardDesk {
  readers: readonly CardReader[];
  /** What lay at a reader when somebody came to another one, by its presence: no payment reads it. */
  left: Map<CardReader, number>;
  buttons: readonly ButtonPart[];
  display?: Display;
  printer?: Printer;
  /** The payment host asks for the card itself: the button that selects begins the sale. */
  hostAsks?: boolean;
}

export interface WalkUpPorts extends ChoicePorts {
  clock: Clock;
  log: Log;
  /** The device's own X25519 key, in hexadecimal digits. */
  consumer: string;
  /** As the device is called. */
  name: string;
  desk: BoardDesk;
  journal: Journal;
  offers: Offers;
  sale: Sale;
  begun(one: Order): void;
  enqueue(work: () => Promise<void>): void;
  offer(work: () => Promise<void>, lost: () => void): void;
  handFirst?: HandFirst;
}

export interface WalkUp {
  /** Listens to readers, and closes what an earlier life left paid: whoever paid it is gone. */
  begin(): void;
  onButton(button: string): void;
  /** These three are told of every order, and take up those of the board. */
  changed(one: Order): void;
  progress(one: Order, pulses: number): void;
  ended(one: Order, reason: StopReason, cause?: StopCause): void;
  heard(one: string, event: FlowEvent): void;
  /** Sells what is shown to somebody who has shown who he is, and pays by `method`. */
  sellTo(payer: Payer): void;
  /** Words for whoever stands there, for a moment. */
  say(...lines: readonly string[]): void;
  close(): void;
  readonly isClosed: boolean;
}

export interface Payer {
  /** His X25519 key, in hexadecimal digits. */
  consumer: string;
  method?: string;
}

export function openWalkUp(ports: WalkUpPorts): WalkUp {
  return new BoardSales(ports);
}

interface Visit {
  outlet: string;
  is: "paying" | "undoing" | "delivering" | "ending";
  /** Why its order ends. */
  reason: StopReason;
  cause?: StopCause | undefined;
  /** The reason that the payment gave last. */
  why?: readonly string[] | undefined;
  /** By the stop button, before anything was delivered. */
  isStopped?: true;
  endedMs?: number;
}

class BoardSales implements WalkUp {
  readonly #ports: WalkUpPorts;
  readonly #screen: BoardScreen;
  /** By order. */
  readonly #visits = new Map<string, Visit>();
  readonly #choice: BoardChoice;
  readonly #readers: BoardReaders;
  /** When the stop button of an outlet was pressed last. */
  readonly #stopsMs = new Map<string, number>();
  isClosed = false;

  constructor(ports: WalkUpPorts) {
    this.#ports = ports;
    const { clock, log, desk, handFirst } = ports;
    this.#choice = new BoardChoice(ports);
    this.#screen = new BoardScreen(clock, desk.display, () => this.#idle());
    this.#readers = new BoardReaders({
      ...{ clock, log, readers: desk.readers, left: desk.left, ...(handFirst && { handFirst }) },
      enqueue: (work) => ports.enqueue(work),
      // The payment that is under way reads what comes.
      isWanted: () => !this.isClosed && !this.#isPaying(),
      came: () => this.#choice.keep(),
      card: () => this.#startSoon(),
      say: (...lines) => this.say(...lines),
      changed: () => this.#screen.render(),
    });
  }

  begin(): void {
    const { journal, enqueue } = this.#ports;
    for (const one of journal.orders()) {
      if (one.atBoard !== true) continue;
      if (one.state === "closed") enqueue(() => this.#done(one.id));
      else if (one.running === undefined) enqueue(() => this.#finish(one.id, "restart"));
    }
    this.#readers.listen();
    this.#screen.render();
  }

  onButton(button: string): void {
    const { desk } = this.#ports;
    const part = desk.buttons.find(({ id }) => id === button);
    if (part === undefined || this.isClosed) return;
    if ("stop" in part.does) {
      const { stop: outlet } = part.does;
      this.#stopsMs.set(outlet, this.#ports.clock.monotonicMs());
      this.#stopPaying(outlet);
      this.#ports.enqueue(() => stopBegun(this.#ports, outlet));
      return;
    }
    if (this.#isPaying()) return;
    this.#choice.choose(part.does.select);
    this.#screen.clear();
    if (desk.hostAsks === true) this.#startSoon();
  }

  changed(one: Order): void {
    if (one.atBoard !== true) return;
    const { enqueue } = this.#ports;
    const visit = this.#visits.get(one.id);
    if (one.state === "failed") {
      this.#visits.delete(one.id);
      // He was told when it was given up, and has gone.
      if (visit?.is === "undoing") return;
      this.#screen.ask(undefined);
      this.#screen.pass(declinedPage((one.why ?? "declined") as FaultKind, visit?.why), WORDS_MS);
    } else if (one.state === "paid" && one.running === undefined) {
      if (visit?.is === "paying") this.#deliverSoon(one.id);
      // Its payment was found out about after a restart, or its session has ended.
      else enqueue(() => this.#finish(one.id, visit?.reason ?? "restart", visit?.cause));
    } else if (one.state === "closing") {
      this.#ending(one);
    } else if (one.state === "closed") {
      enqueue(() => this.#done(one.id));
    }
  }

  progress(one: Order, pulses: number): void {
    if (one.atBoard !== true) return;
    const { desk } = this.#ports;
    const hasStop = desk.buttons.some(({ does }) => "stop" in does && does.stop === one.outlet);
    this.#screen.stand(one.id, progressPage(this.#serviceName(one), one, pulses, hasStop));
  }

  ended(one: Order, reason: StopReason, cause?: StopCause): void {
    if (one.atBoard !== true) return;
    this.#visits.set(one.id, { outlet: one.outlet, is: "delivering", reason, cause });
  }

  heard(id: string, { type, data }: FlowEvent): void {
    const visit = this.#visits.get(id);
    const payload = Object.hasOwn(data, type) ? data[type] : undefined;
    if (visit === undefined || type !== "progressMessage" || payload?.is !== "text") return;
    const { value } = payload;
    const words = rowsOf(value);
    if (value === NO_WORD) {
      this.#sendAway(id, visit, words);
      return;
    }
    const isPrompt = value === CARD_READ || value.startsWith(PRESENT_CARD);
    visit.why = isPrompt ? undefined : words;
    if (visit.is === "paying") this.#screen.ask(wordsPage(...words));
  }

  /** What may have been taken of him is undone, however long that takes: the next one is served meanwhile. */
  #sendAway(id: string, visit: Visit, words: readonly string[]): void {
    this.#visits.set(id, { ...visit, is: "undoing" });
    this.#screen.ask(undefined);
    this.#screen.pass(declinedPage("payment-lost", words), WORDS_MS);
  }

  sellTo(payer: Payer): void {
    this.#startSoon(payer);
  }

  say(...lines: readonly string[]): void {
    this.#screen.pass(wordsPage(...lines), WORDS_MS);
  }

  close(): void {
    this.isClosed = true;
    const { name } = this.#ports;
    this.#readers.close();
    this.#screen.close(wordsPage(name, "Out of service"));
  }

  #isPaying(): boolean {
    return [...this.#visits.values()].some(({ is }) => is === "paying");
  }

  /** Nobody pays any more for what this outlet was to deliver. */
  #stopPaying(outlet: string): void {
    for (const [id, visit] of this.#visits) {
      if (visit.is !== "paying" || visit.outlet !== outlet) continue;
      visit.isStopped = true;
      this.#ports.sale.cancel(id);
    }
  }

  /** Nobody waits until a broken world is whole again. */
  #startSoon(payer?: Payer): void {
    const lost = (): void => this.say("Out of order", "Nothing is charged");
    this.#ports.offer(() => this.#start(payer), lost);
  }

  async #start(payer: Payer | undefined): Promise<void> {
    if (this.isClosed || this.#isPaying()) return;
    const sold = this.#choice.sold();
    if (sold === undefined) return this.say("Nothing is sold", "here now");
    const started = await this.#sell(sold, payer);
    if (started.ok) return;
    const { kind, message } = started.fault;
    this.#ports.log("info", "walk-up-refused", { why: kind, message });
    const awaited = this.#ports.delivery.awaits(sold.service.outlet);
    this.#screen.pass(wordsPage(troubleText(kind, awaited), "Nothing is charged"), WORDS_MS);
  }

  async #sell(sold: Chosen, payer: Payer | undefined): Promise<Result<void>> {
    const { service, price } = sold;
    const { offers, sale, log, clock } = this.#ports;
    const startMs = clock.monotonicMs();
    const { consumer, method } = payer ?? { consumer: this.#ports.consumer };
    const units = this.#choice.units(sold);
    if (!units.ok) return units;
    const selection = { service: service.id, price: price.id, units: units.value };
    const made = offers.make(consumer, selection);
    if (!made.ok) return made;
    const { offer } = made.value;
    const paying = await sale.payAtBoard(made.value, consumer, method);
    offers.remove(offer.id);
    if (!paying.ok) return paying;
    log("info", "walk-up", { order: offer.id, service: service.id, units: units.value });
    this.#visits.set(offer.id, { outlet: service.outlet, is: "paying", reason: "restart" });
    this.#screen.ask(payingPage(service.name, offer.totalMinor, offer.currency));
    // Pressed while it was being written.
    if ((this.#stopsMs.get(service.outlet) ?? -1) >= startMs) this.#stopPaying(service.outlet);
    return ok(undefined);
  }

  /** Money that was held for somebody who has gone is released, also when the disk is only back much later. */
  #deliverSoon(id: string): void {
    const { offer, enqueue } = this.#ports;
    const lost = (): void => enqueue(() => this.#finish(id, "fault"));
    offer(() => this.#deliver(id), lost);
  }

  async #deliver(id: string): Promise<void> {
    const { journal, delivery, begun } = this.#ports;
    const one = journal.order(id);
    const visit = this.#visits.get(id);
    if (one?.state !== "paid" || visit?.is !== "paying") return;
    if (visit.isStopped || this.isClosed) return this.#finish(id, "customer-button");
    const started = await delivery.begin(one, one.sessions + 1, undefined);
    if (!started.ok) {
      // What broke between the offer and now: nothing was delivered, and nothing is charged.
      this.#ports.log("warn", "walk-up-not-begun", { order: id, why: started.fault.message });
      return this.#finish(id, "fault");
    }
    visit.is = "delivering";
    begun(started.value);
    this.progress(started.value, 0);
    this.#screen.ask(undefined);
  }

  /** Nobody comes back for the rest: it is released. */
  async #finish(id: string, reason: StopReason, cause?: StopCause): Promise<void> {
    const { journal, sale } = this.#ports;
    const one = journal.order(id);
    if (one?.state !== "paid" || one.running !== undefined) return;
    if (one.prepaid !== undefined) return this.#rested(one);
    const closing = order.closing(one, reason, false, cause);
    await journal.save(closing);
    this.#ending(closing);
    sale.settle(closing);
  }

  /** Until the money is settled, which may take as long as the host is out of reach. */
  #ending(one: Order): void {
    const { clock } = this.#ports;
    const { outlet } = one;
    if (this.#visits.get(one.id)?.is === "paying") this.#screen.ask(undefined);
    const reason = (one.settlement?.reason ?? "restart") as StopReason;
    this.#visits.set(one.id, { outlet, is: "ending", reason, endedMs: clock.monotonicMs() });
    this.#screen.stand(one.id, endingPage(this.#serviceName(one), one), LEFT_MS);
    this.#screen.clear();
  }

  async #done(id: string): Promise<void> {
    const { journal, clock } = this.#ports;
    const one = journal.order(id);
    if (one?.state !== "closed") return;
    const { endedMs = clock.monotonicMs() } = this.#visits.get(id) ?? {};
    const last = journal.unacknowledged(one).at(-1);
    const service = this.#serviceName(one);
    this.#visits.delete(id);
    this.#screen.drop(id);
    // Another one who is paying now is not to read this.
    if (clock.monotonicMs() - endedMs < LEFT_MS && !this.#isPaying()) {
      this.#screen.pass(donePage(service, one, last?.signed), DONE_MS);
    }
    return this.#handReceipt(one, last);
  }

  /** What is left of a prepaid token stays good: only this visit is over. */
  async #rested(one: Order): Promise<void> {
    const last = this.#ports.journal.unacknowledged(one).at(-1);
    this.#visits.delete(one.id);
    this.#screen.drop(one.id);
    if (last === undefined) return;
    this.#screen.pass(donePage(this.#serviceName(one), one, last.signed), DONE_MS);
    return this.#handReceipt(one, last);
  }

  /** Shown and printed: it is as good as kept. */
  async #handReceipt(one: Order, last: KeptReceipt | undefined): Promise<void> {
    const { journal, desk, name, log } = this.#ports;
    const read = last === undefined ? undefined : peekReceipt(last.signed);
    const receipt = read?.ok === true ? read.value : undefined;
    const paper = printedReceipt(name, this.#serviceName(one), one, receipt, last?.signed);
    void desk.printer?.print(paper).then((end) => {
      if (end === "failed") log("warn", "not-printed", { order: one.id });
    });
    if (last !== undefined) await journal.save(order.acknowledgedUpTo(one, last.number));
  }

  #serviceName({ terms }: Order): string {
    return this.#ports.catalogue.get(terms.service)?.name ?? "";
  }

  #idle(): DisplayPage {
    const { catalogue, name, desk } = this.#ports;
    const sold = this.#choice.sold();
    if (sold === undefined) return wordsPage(name, "Nothing is sold", "here now");
    const { service, price } = sold;
    const able = this.#choice.able(service);
    const way = desk.hostAsks === true ? "button" : this.#readers.anyUp() ? "card" : "none";
    const awaited = this.#ports.delivery.awaits(service.outlet);
    const invitation = able.ok ? INVITATIONS[way] : troubleText(able.fault.kind, awaited);
    return idlePage(name, service, price, catalogue.meter(service).unit, invitation);
  }
}

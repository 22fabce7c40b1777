// A picture of one board at one moment.

import { toHex } from "../firmware/bytes.ts";
import type { Service } from "../firmware/producer/catalogue.ts";
import type { Board, OutletPart } from "../hal/board.ts";
import { type Bench as Hands, heldBy, targetsOf } from "../hal/sim/bench-commands.ts";
import { BENCH_FAULTS } from "../hal/sim/bench-faults.ts";
import type { SimPeripherals } from "../hal/sim/sim-peripherals.ts";
import { TERMINAL_CARDS } from "../hal/sim/sim-terminal.ts";
import type { BoardState, OutletState } from "./bench-state.ts";
import type { BoardBooks } from "./board-books.ts";
import type { BoardThings } from "./board-desk.ts";
import { type BoardWatch, orderState } from "./board-watch.ts";
import { bugWords } from "./bug-words.ts";
import type { Site } from "./site.ts";

const ORDERS_MAX = 20;
const BUGS_MAX = 5;

export interface BoardParts {
  id: string;
  name: string;
  services: readonly Service[];
  site: Site;
  things: BoardThings;
  watch: BoardWatch;
  books: BoardBooks;
  hands: Hands;
  isConnected: boolean;
  /** Targets at which each fault is on. */
  broken: ReadonlyMap<string, ReadonlySet<string>>;
}

export function boardState(parts: BoardParts): BoardState {
  const { id, name, site, things, hands, isConnected, broken } = parts;
  const { board, sim } = hands;
  const status = site.producer?.status();
  return {
    ...{ id, board: board.name, name, device: site.device },
    signKey: toHex(site.signKey),
    operatorKey: toHex(site.operatorKey),
    powered: site.powered,
    ready: status?.ready === true,
    reasons: status?.reasons ?? [site.powered ? "it is starting" : "it has no power"],
    bugs: site.bugs.slice(0, BUGS_MAX).map(bugWords),
    connected: isConnected,
    outlets: board.outlets.map((part) => outletState(part, parts)),
    sensors: (board.sensors ?? []).map(({ id: sensor, unit, kind }) => {
      return { id: sensor, unit, ...(kind !== "input" && { value: sim.sensors.level(sensor) }) };
    }),
    buttons: (board.buttons ?? []).map(({ id: button }) => button),
    ...ofPeripherals(things.peripherals, things),
    ...shown(board, things),
    faults: Object.entries(BENCH_FAULTS)
      .map(([fault, { what, ...rest }]) => ({
        ...{ id: fault, what, targets: targetsOf(hands, { what, ...rest }) },
        on: [...(broken.get(fault) ?? [])],
      }))
      .filter(({ targets }) => targets.length > 0),
    services: servicesOf(parts),
    ...booked(parts),
  };
}

function outletState(
  { id, meters, interlocks = [] }: OutletPart,
  { site, hands, books, watch }: BoardParts,
): OutletState {
  const { metal, controls } = hands.sim;
  const { coil, contact, meters: turned } = metal.outlet(id);
  // What counts pulses says how much flowed; time passes by itself.
  const part = meters.find((one) => turned[one.id] !== undefined) ?? meters[0];
  const { numerator, denominator } =
    part === undefined || part.kind === "time" || part.kind === "item"
      ? { numerator: 1, denominator: 1 }
      : part.pulsesPerUnit;
  const order = site.powered ? books.running(id) : undefined;
  const session = order?.running && {
    order: order.id,
    delivered: watch.deliveredOf(order.id) ?? order.running.recorded,
    granted: order.running.total,
  };
  return {
    ...{ id, unit: part?.unit ?? "", coil, contact },
    flowed: part === undefined ? 0 : (turned[part.id]?.physical ?? 0),
    pulsesPerUnit: numerator / denominator,
    ...(session && { session }),
    interlocks: interlocks
      .filter(({ kind }) => kind === "input")
      .map((one) => ({ id: one.id, raised: controls.isRaised(id, one.id) })),
  };
}

function ofPeripherals(
  peripherals: SimPeripherals,
  { wallet }: BoardThings,
): Pick<BoardState, "readers" | "cards" | "serial"> & Partial<BoardState> {
  const { readers, terminal } = peripherals;
  return {
    readers: [...readers].map(([id, reader]) => {
      return { id, kind: reader.kind === "pn532" ? "tap" : "insert", holds: heldBy(reader) };
    }),
    cards: readers.size === 0 ? [] : wallet.entries(),
    ...(terminal && {
      terminal: { screen: terminal.screen().split("\n"), cards: Object.keys(TERMINAL_CARDS) },
    }),
    serial: [...peripherals.plugs()].map(([id, plugged]) => ({ id, plugged })),
  };
}

function shown({ display }: Board, things: BoardThings): Pick<BoardState, "display"> {
  if (display === undefined) return {};
  return { display: things.peripherals.display?.rows() ?? things.page };
}

/** As they are sold now; as the file says while the device is off. */
function servicesOf({ services, site }: BoardParts): BoardState["services"] {
  const now = site.producer?.services().map(({ service }) => service) ?? services;
  return now.map(({ id, name, outlet, meter, stream, prices }) => ({
    ...{ id, name, outlet, unit: unitOf(site, outlet, meter), streamed: stream !== undefined },
    prices: prices.map((price) => ({
      id: price.id,
      name: price.name,
      amountMinor: price.amountMinor,
      currency: price.currency,
    })),
  }));
}

function unitOf(site: Site, outlet: string, meter: string): string {
  const part = site.options.board?.outlets.find(({ id }) => id === outlet);
  return part?.meters.find(({ id }) => id === meter)?.unit ?? "";
}

function booked({ books, watch }: BoardParts): Pick<BoardState, "orders" | "money"> {
  const orders = books.newest(ORDERS_MAX);
  return {
    orders: orders.map((order) => orderState(order, watch.deliveredOf(order.id))),
    money: books.money(),
  };
}

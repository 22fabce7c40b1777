// What `sluice run` says to try next: the command of a buyer on the network, and at the board of a bench what a person
// does there, in order.

import type { DeviceConfig } from "../firmware/config.ts";
import { awaitedText } from "../firmware/producer/awaited-contact.ts";
import type { Service } from "../firmware/producer/catalogue.ts";
import type { Board } from "../hal/board.ts";

const BUY = "npx sluice buy";
const STOPS = "Ctrl-C stops";

/** A command, and what it does. */
type Hint = readonly [command: string, what: string];

/** The board as it is fitted; undefined for one that is not known here. */
export function sellingWords(
  { services, payment }: Pick<DeviceConfig, "services" | "payment">,
  board: Board | undefined,
): readonly string[] {
  const [first] = services;
  const atBoard = services.find(({ walkUp }) => walkUp !== undefined);
  const sold = atBoard ?? first;
  const before =
    board?.virtual === undefined || sold === undefined ? [] : awaitedHints(board, sold);
  const person =
    board?.virtual === undefined || atBoard === undefined
      ? []
      : personHints(board, atBoard, payment.host.kind === "terminal");
  if (before.length + person.length === 0) {
    return [`selling. In another terminal: ${BUY}      ${STOPS}`];
  }
  const buy = person.length === 0 ? "buy over the network" : "or buy over the network";
  const hints: Hint[] = [...before, ...person, [BUY, buy]];
  const width = Math.max(...hints.map(([command]) => command.length));
  return [
    `selling. In another terminal:      ${STOPS}`,
    ...hints.map(([command, what]) => `  ${command.padEnd(width)}   ${what}`),
  ];
}

/** A bench begins with the vehicle away and the nozzle hung up. */
function awaitedHints({ virtual, outlets }: Board, { outlet }: Service): Hint[] {
  const raised = virtual?.raised?.[outlet] ?? [];
  const interlocks = outlets.find(({ id }) => id === outlet)?.interlocks ?? [];
  return interlocks.flatMap(({ id, sort }): Hint[] =>
    raised.includes(id) && (sort === "vehicle" || sort === "nozzle")
      ? [[`npx sluice bench clear ${id}`, awaitedText(sort).toLowerCase()]]
      : [],
  );
}

/** Nothing where nobody could begin a sale there. */
function personHints(board: Board, { id, outlet }: Service, asksTerminal: boolean): Hint[] {
  const { readers = [], buttons = [], printer } = board;
  const stop = buttons.find(({ does }) => "stop" in does && does.stop === outlet);
  const ending: Hint[] = [
    ...(stop === undefined ? [] : [hint(`press ${stop.id}`, "end it, and pay what came")]),
    ...(printer === undefined ? [] : [hint("paper", "the printed receipt")]),
  ];
  if (asksTerminal) {
    const select = buttons.find(({ does }) => "select" in does && does.select === id);
    const tap = `tap visa-test${readers.length === 0 ? "" : " --reader terminal"}`;
    if (select === undefined) return [];
    return [hint(`press ${select.id}`, "begin"), hint(tap, "present a card"), ...ending];
  }
  const contactless = readers.some(({ kind }) => kind === "pn532");
  if (!contactless && readers.length === 0) return [];
  const card = contactless ? "tap visa-test" : "insert visa-chip";
  return [hint(card, "present a card"), ...ending];
}

function hint(words: string, what: string): Hint {
  return [`npx sluice bench ${words}`, what];
}

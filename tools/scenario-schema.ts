// The shape of a scenario file as a JSON Schema (draft 7), the one source of docs/scenario.schema.json. What words a step or an
// expectation takes is checked in tools/scenario-steps.ts, which can name them.

import type { StreamChosen } from "../bench/scenario.ts";
import { AMOUNT_MINOR_MAX, UNITS_MAX } from "../firmware/protocol/messages.ts";
import { TEST_CARDS } from "../hal/sim/sim-payment-host.ts";
import { label, object, type Schema } from "./service-schema.ts";

export type Scalar = string | number | boolean;

/** As the schema accepts it, with its defaults filled in. */
export interface ScenarioEntry {
  version: 1;
  about: string;
  seed: number;
  network: Record<string, number>;
  boards: Record<string, { device: unknown; pulsesPerSecond?: number }>;
  buyers: Record<string, { card: keyof typeof TEST_CARDS }>;
  steps: StepEntry[];
  traffic: TrafficEntry[];
  end: string;
  expect: ExpectEntry[];
  mayLeaveOpen: boolean;
}

export interface StepEntry {
  at?: string;
  after?: string;
  when?: Record<string, Scalar>;
  within?: string;
  board?: string;
  buyer?: string;
  do?: string;
  expect?: ExpectEntry[];
  card?: string;
  stream?: StreamChosen;
  service?: number;
  price?: number;
  units?: number;
  endAfterPulses?: number;
  [word: string]: unknown;
}

export type ExpectEntry = Record<string, unknown>;

export interface TrafficEntry {
  board?: string;
  sales: number;
  from: string;
  over: string;
  customers: number;
  services: number[];
  units: { least: number; most: number };
  cards: (keyof typeof TEST_CARDS)[];
  faults: { powerCuts: number; loopKills: number; networkCuts: number };
}

const BOARDS_MAX = 8;
const BUYERS_MAX = 32;
const STEPS_MAX = 5_000;
const NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$";
const DURATION = "^\\d{1,12}(\\.\\d{1,15})? ?(ms|s|min|h|d)$";

const duration = (description: string): Schema => ({
  description: `${description}, such as 250 ms, 12.5 s, 2 min, 3 h, 30 d`,
  type: "string",
  pattern: DURATION,
});
const name = (description: string): Schema => ({ description, type: "string", pattern: NAME });
const whole = (description: string, minimum: number, maximum: number): Schema => ({
  ...{ description, type: "integer", minimum, maximum },
});
const chance = (description: string): Schema => whole(`${description}, of 1,000`, 0, 1_000);
const card: Schema = {
  description: "What the payment host makes of the card",
  enum: Object.keys(TEST_CARDS),
};
const named = (description: string, maxProperties: number, entry: Schema): Schema => ({
  ...{ description, type: "object", maxProperties, propertyNames: { pattern: NAME } },
  additionalProperties: entry,
});

const stream = object(["step", "window"], {
  step: whole("Units for each proof", 1, 1_000),
  window: whole("Units that may be delivered ahead of proof", 0, 1_000),
});

/** A field of an expectation. */
const want: Schema = {
  description: "The value itself; { least, most } for a number; { has } for a part of a text",
};

const EXPECT: Schema = {
  type: "object",
  minProperties: 1,
  maxProperties: 16,
  properties: {
    board: name("Which board; not needed where there is one"),
    order: whole("Its nth order, from 1", 1, 10_000),
    orders: label("Its orders in that state: taking, paid, failed, closing, closed", 16),
    money: { description: "All money in that currency", type: "string", pattern: "^[A-Z]{3}$" },
    outlet: label("An outlet"),
    device: name("A board: is it powered, ready, and why not"),
    display: name("A board: the text on its display"),
    paper: name("A board: sheets that it printed, and the text of the last one"),
    buyer: name("A buyer: state of his last purchase, last fault, receipts, sales that ended well"),
    event: { description: "Fields of an event of the bench", type: "object", minProperties: 1 },
    frames: {
      description: "Digest of all that went over the broker, as a run prints it",
      type: "string",
      pattern: "^[0-9a-f]{64}$",
    },
  },
  additionalProperties: want,
};

const expect = (description: string): Schema => ({
  ...{ description, type: "array", maxItems: 200, items: EXPECT },
});

const word = (description: string): Schema => label(description, 64);

const STEP: Schema = object([], {
  at: duration("When it is done, since the world began"),
  after: duration("Or: so long after the step before it, or after the event of when"),
  when: {
    description:
      "Or: at the first event with these fields since the step before; or { outlet, flowed }: as soon as so many pulses flowed",
    type: "object",
    minProperties: 1,
    maxProperties: 8,
    additionalProperties: {},
  },
  within: duration("How long it waits for when (default: 60 s)"),
  board: name("Which board; not needed where there is one"),
  buyer: name("Or: which buyer does it"),
  do: word("What is done"),
  expect: expect("Or: what must be so at this time"),
  card: word("tap, insert: which card; buy, pay: what the payment host makes of it"),
  reader: word("tap, insert, remove: at which reader"),
  button: word("press"),
  interlock: word("raise, clear"),
  outlet: word("raise, clear: of which outlet"),
  fault: word("break, mend"),
  target: word("break, mend: of which outlet, sensor or bus"),
  serial: word("plug, unplug"),
  sensor: word("sensor"),
  value: whole("sensor: what it shows", -1_000_000_000, 1_000_000_000),
  for: duration("power-off, broker-dies: how long"),
  by: {
    description: "clock-jump: how far, with a minus sign back, such as 3 h, -3 h",
    type: "string",
    pattern: DURATION.replace("^", "^-?"),
  },
  from: word("frame: name of the sender's connection"),
  topic: label("frame", 128),
  payload: { description: "frame: bytes", type: "string", pattern: "^([0-9a-f]{2}){0,65536}$" },
  service: whole("buy, quote: id of the service", 1, 65_535),
  price: whole("buy, quote: id of the price (default: 1)", 1, 65_535),
  units: whole("buy, quote: how many units; begin: of this session", 1, UNITS_MAX),
  stream: { description: "buy, pay: paid while it is delivered", ...stream },
  endAfterPulses: whole("buy: ends it after so many pulses", 1, AMOUNT_MINOR_MAX),
});

const TRAFFIC: Schema = object(["sales", "from", "over", "services"], {
  board: name("Which board; not needed where there is one"),
  sales: whole("So many sales, at times drawn by the seed", 1, 5_000),
  from: duration("The first comes after this time"),
  over: duration("All begin within so long from there"),
  customers: { ...whole("So many buyers take turns", 1, 16), default: 4 },
  services: {
    description: "Ids of services to draw from; each at its first price",
    type: "array",
    minItems: 1,
    maxItems: 64,
    items: whole("Id", 1, 65_535),
  },
  units: {
    description: "How many units are drawn",
    default: { least: 1, most: 1 },
    ...object(["least", "most"], {
      least: whole("At least", 1, UNITS_MAX),
      most: whole("At most", 1, UNITS_MAX),
    }),
  },
  cards: {
    description: "Cards to draw from",
    type: "array",
    minItems: 1,
    maxItems: 16,
    items: card,
    default: ["approve"],
  },
  faults: {
    description: "How many of each, at times drawn by the seed",
    default: {},
    ...object([], {
      powerCuts: { ...whole("Of three seconds", 0, 1_000), default: 0 },
      loopKills: { ...whole("The process that delivers is killed", 0, 1_000), default: 0 },
      networkCuts: { ...whole("Of twenty seconds", 0, 1_000), default: 0 },
    }),
  },
});

const NETWORK: Schema = object([], {
  lossPerMille: chance("Messages that are lost"),
  duplicationPerMille: chance("Messages that come twice"),
  reorderingPerMille: chance("Messages that are overtaken"),
  reorderMs: whole("By as much as this", 1, 60_000),
});

export const SCENARIO_SCHEMA: Schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Sluice scenario, version 1",
  ...object(["version", "about", "boards", "end"], {
    version: { const: 1 },
    about: label("What happens, in a sentence", 400),
    seed: { ...whole("What chance is drawn from", 0, 0xffff_ffff), default: 1 },
    network: { description: "How bad the network is", default: {}, ...NETWORK },
    boards: {
      ...named("Virtual boards, by the names that steps call them", BOARDS_MAX, {
        ...object(["device"], {
          device: {
            description: "A device file, from the folder of this file; or what would stand in one",
          },
          pulsesPerSecond: {
            description: "How fast it flows, in place of what the board says",
            type: "number",
            exclusiveMinimum: 0,
            maximum: 10_000,
          },
        }),
      }),
      minProperties: 1,
    },
    buyers: {
      ...named("Buyers on the network, by name", BUYERS_MAX, {
        ...object([], { card: { ...card, default: "approve" } }),
      }),
      default: {},
    },
    steps: {
      description: "One after the other",
      type: "array",
      maxItems: STEPS_MAX,
      items: STEP,
      default: [],
    },
    traffic: {
      description: "Many sales, and faults among them",
      type: "array",
      maxItems: 8,
      items: TRAFFIC,
      default: [],
    },
    end: duration("How long the world lasts"),
    expect: { ...expect("What must be so in the end"), default: [] },
    mayLeaveOpen: {
      description: "It may end in the middle of a sale",
      type: "boolean",
      default: false,
    },
  }),
};

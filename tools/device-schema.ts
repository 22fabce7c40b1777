// The shape of a device file as a JSON Schema (draft 7), the one source of docs/device.schema.json; and ajv,
// which nothing else imports, to hold a file against it. Bounds come from the firmware that enforces them.

import { Ajv, type ErrorObject } from "ajv";
import { BOARDS } from "../boards/registry.ts";
import type { LossSide } from "../firmware/producer/delivery.ts";
import { PULSES_MAX, SERVICES_MAX } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { LineWiring } from "../hal/board.ts";
import { didYouMean } from "./did-you-mean.ts";
import { PAYMENT_SCHEMA, type PaymentEntry } from "./payment-schema.ts";
import { label, object, type Schema, SERVICE_SCHEMA, type ServiceEntry } from "./service-schema.ts";

/** A device file that the schema accepts, with its defaults filled in. */
export interface DeviceFile {
  version: 1;
  name: string;
  description?: string;
  board: string;
  benchRate: number;
  keys: string;
  policy: { quantumPulses: number; loss: LossSide };
  broker: {
    host?: string;
    port?: number;
    ws?: number;
    url?: string;
    username?: string;
    password?: string;
    ca?: string;
    cert?: string;
    key?: string;
  };
  payment: PaymentEntry;
  country: number;
  serial: Record<string, string>;
  lines: Record<string, LineWiring>;
  watchdog?: string;
  services: ServiceEntry[];
}

/** As many as the guard of the outputs takes. */
const LINES_MAX = 64;

const LINE_SCHEMA: Schema = object(["pin"], {
  pin: {
    description: "Pin of the computer's header; CHIP/OFFSET or a line's name where it has none",
    type: "string",
    minLength: 1,
    maxLength: 64,
  },
  activeLow: { description: "The wire is low while the line is active", const: true },
  bias: { description: "Pull inside the computer", enum: ["pull-up", "pull-down"] },
  resistor: {
    description: "Pull outside the computer, which holds the line before any program runs",
    enum: ["pull-up", "pull-down"],
  },
  debounceMs: {
    description: "A level counts when it has stood for so long",
    type: "number",
    exclusiveMinimum: 0,
    maximum: 1_000,
  },
  note: { description: "What hangs on it", type: "string", maxLength: 255 },
});

const pemFile = (description: string): Schema => ({
  description: `${description}: PEM file, from the folder of this file`,
  type: "string",
  minLength: 1,
  maxLength: 255,
});

const broker: Schema = {
  ...object([], {
    host: {
      description: "Address of the broker that the device opens itself (default: 127.0.0.1)",
      type: "string",
      minLength: 1,
      maxLength: 255,
      pattern: "^[\\w.:-]+$",
    },
    port: {
      description: "Default: 1883; 0 takes any",
      type: "integer",
      minimum: 0,
      maximum: 65_535,
    },
    ws: {
      description:
        "Port of a second listener, for MQTT over WebSocket (default: none); 0 takes any",
      type: "integer",
      minimum: 0,
      maximum: 65_535,
    },
    url: {
      description:
        "A broker to use instead: mqtt://, mqtts:// (TLS), ws:// or wss:// (WebSocket), then host:port",
      type: "string",
      maxLength: 255,
      pattern: "^(mqtts?://[^\\s/@]+|wss?://[^\\s/@]+(/[^\\s@?#]*)?)$",
    },
    username: { type: "string", minLength: 1, maxLength: 255 },
    password: { type: "string", minLength: 1, maxLength: 255 },
    ca: pemFile(
      "Certificate of the CA that vouches for the broker, instead of the well-known ones",
    ),
    cert: pemFile("Our own certificate, for a broker that asks for one"),
    key: pemFile("The private key of cert; mode 0600"),
  }),
  default: {},
  dependencies: {
    username: ["url"],
    password: ["username"],
    ca: ["url"],
    cert: ["url", "key"],
    key: ["cert"],
    url: { properties: { host: false, port: false, ws: false } },
  },
};

export const DEVICE_SCHEMA: Schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Sluice device file, version 1",
  ...object(["version", "name", "board", "services"], {
    version: { const: 1 },
    name: label("Name of the device as buyers see it"),
    description: label("The device in a sentence, for buyers that meet it first", 96),
    board: { description: "What is fitted where", enum: BOARDS.map((board) => board.name) },
    benchRate: {
      description: "World seconds per real second, for a board that does not exist",
      type: "number",
      minimum: 0.01,
      maximum: 1000,
      default: 1,
    },
    keys: {
      description: "Folder of keys inside the data folder",
      type: "string",
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
      default: "keys",
    },
    policy: {
      default: {},
      ...object([], {
        quantumPulses: {
          description:
            "Pulses reserved on disk ahead of delivery: the most that a power cut forgets. Below three times what flows while the disk takes one write, delivery pauses for the disk",
          type: "integer",
          minimum: 1,
          maximum: PULSES_MAX,
          default: 100,
        },
        loss: {
          description: "Who bears what a power cut forgot, where the meter itself forgets it too",
          enum: ["seller", "payer"] satisfies LossSide[],
          default: "seller",
        },
      }),
    },
    broker,
    payment: PAYMENT_SCHEMA,
    country: {
      description: "Where the device stands, as cards are told: ISO 3166 numeric, 276 is Germany",
      type: "integer",
      minimum: 1,
      maximum: 999,
      default: 276,
    },
    serial: {
      description:
        "Paths of serial ports in place of the board's own, such as /dev/serial/by-id/...",
      type: "object",
      additionalProperties: { type: "string", minLength: 1, maxLength: 255 },
      maxProperties: 8,
      default: {},
    },
    lines: {
      description: "Where lines of the board are wired to, in place of the board's own wiring",
      type: "object",
      additionalProperties: LINE_SCHEMA,
      maxProperties: LINES_MAX,
      default: {},
    },
    watchdog: {
      description:
        "The computer's hardware watchdog, which the device then feeds while its loop is alive: a hang resets the computer (default: none)",
      type: "string",
      pattern: "^/dev/watchdog\\d{0,2}$",
    },
    services: { type: "array", minItems: 1, maxItems: SERVICES_MAX, items: SERVICE_SCHEMA },
  }),
};

/** Fills in the defaults of what it is given. Errors: `malformed` at a path such as services.0.prices.0.currency. */
export const checkDeviceFile: (value: unknown) => Result<DeviceFile> =
  schemaCheck<DeviceFile>(DEVICE_SCHEMA);

/** What holds a value against a schema. The schema itself is checked by a test: a device that starts has outputs to open first. */
export function schemaCheck<T>(schema: Schema): (value: unknown) => Result<T> {
  const validate = new Ajv({
    useDefaults: true,
    verbose: true,
    strict: true,
    meta: false,
    validateSchema: false,
    // Used once or twice: to make it faster takes longer than it saves.
    code: { optimize: false },
  }).compile<T>(schema);
  return (value) => {
    if (validate(value)) return ok(value);
    const [error] = validate.errors ?? [];
    if (error === undefined) return fail("malformed", "is not what is written here");
    const path = error.instancePath.slice(1).split("/").map(unescapePointer);
    const { at, message } = explain(error);
    const where = [...path, ...at].filter((name) => name !== "").join(".");
    return where === "" ? fail("malformed", message) : fail("malformed", message, where);
  };
}

/** RFC 6901, 4. */
function unescapePointer(token: string): string {
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}

function explain(error: ErrorObject): { at: string[]; message: string } {
  const { keyword, params, parentSchema, schema } = error;
  const named = (name: string): string => String(params[name]);
  if (keyword === "required") return { at: [named("missingProperty")], message: "is missing" };
  if (keyword === "dependencies") {
    const message = `is of no use without ${named("missingProperty")}`;
    return { at: [named("property")], message };
  }
  if (keyword === "additionalProperties") {
    const unknown = named("additionalProperty");
    const known = Object.keys((parentSchema?.["properties"] as object | undefined) ?? {});
    const at = unknown.length > 64 ? `${unknown.slice(0, 64)}...` : unknown;
    return { at: [at], message: `is no key here${didYouMean(unknown, known)}` };
  }
  if (keyword === "enum" && Array.isArray(schema)) {
    return {
      at: [],
      message: `must be one of ${schema.join(", ")}${didYouMean(error.data, schema)}`,
    };
  }
  if (keyword === "false schema") return { at: [], message: "is of no use beside url" };
  if (keyword === "const") return { at: [], message: `must be ${String(schema)}` };
  // What shows how it is written says more than a pattern.
  const [such] = /such as .*$/.exec(String(parentSchema?.["description"])) ?? [];
  if (such !== undefined && (keyword === "pattern" || keyword === "type")) {
    return { at: [], message: `must be written ${such}` };
  }
  return { at: [], message: error.message ?? `fails ${keyword}` };
}

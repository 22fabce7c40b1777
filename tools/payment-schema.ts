// The part of a device file that says how it is paid: the payment host, settings, flow services, flows.

import type {
  DeferredConfig,
  DeviceConfig,
  HostConfig,
  PaymentConfig,
  ServiceToUse,
} from "../firmware/config.ts";
import { EXECUTION_TYPES, FLOWS_MAX } from "../firmware/payment/config/flow-config.ts";
import { type ConfigError, readFlows } from "../firmware/payment/config/flow-config-check.ts";
import { FLOW_TYPES } from "../firmware/payment/config/flow-types.ts";
import {
  DEFAULT_SETTINGS,
  type FlowSettings,
  readSettings,
  SETTING_MEANINGS,
} from "../firmware/payment/config/settings.ts";
import { STAGES } from "../firmware/payment/model/stages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { didYouMean } from "./did-you-mean.ts";
import { label, object, type Schema } from "./service-schema.ts";

const SERVICES_MAX = 16;
const HOST_KINDS = ["simulated", "stripe", "iso8583", "terminal"] as const;

/** As the schema accepts it, with its defaults filled in. */
export interface PaymentEntry {
  host: {
    kind: (typeof HOST_KINDS)[number];
    apiKeyFile?: string;
    url?: string;
    caFile?: string;
    host?: string;
    port?: number;
    serial?: string;
    test?: boolean;
    merchant?: { merchantId: string; terminalId: string; merchantName: string };
  };
  deferred?: DeferredConfig;
  settings: Record<string, unknown>;
  services: { id: string; use: string; grant?: string; options?: Record<string, unknown> }[];
  flows?: unknown[];
}

const file = (description: string): Schema =>
  label(`${description}, from the folder of this file`, 255);
const printable = (description: string, length: number): Schema => ({
  ...label(description, length),
  pattern: "^[\\x20-\\x7e]*[\\x21-\\x7e]$",
});

const host: Schema = {
  description: "What takes the money",
  default: { kind: "simulated" },
  ...object(["kind"], {
    kind: {
      description:
        "simulated moves no money; stripe is HTTPS, iso8583 an acquirer over TCP, terminal a card terminal at the board",
      enum: HOST_KINDS,
    },
    apiKeyFile: file("stripe: file with the account's key; mode 0600"),
    url: {
      description: "stripe: of a stand-in on this machine, or a proxy (default: Stripe's own)",
      type: "string",
      maxLength: 255,
      pattern: "^https?://[\\w.-]+(:\\d{1,5})?$",
    },
    caFile: file("stripe: PEM of the authorities to believe, in the place of the system's"),
    host: { ...label("iso8583: address of the acquirer", 255), pattern: "^[\\w.:-]+$" },
    port: { description: "iso8583", type: "integer", minimum: 1, maximum: 65_535 },
    serial: label("terminal: name of the board's serial port that it is plugged into", 32),
    test: {
      description: "iso8583, terminal: it moves no real money, so bench keys will do",
      type: "boolean",
    },
    merchant: {
      description: "stripe, iso8583: as the acquirer knows the seller, and receipts name him",
      ...object(["merchantId", "terminalId", "merchantName"], {
        merchantId: printable("Of the seller", 15),
        terminalId: printable("Of this device", 8),
        merchantName: printable("As on the payer's statement", 40),
      }),
    },
  }),
};

const AMOUNT_MINOR_MAX = 100_000_000;
const minor = (description: string): Schema => ({
  ...{ description, type: "integer", minimum: 1, maximum: AMOUNT_MINOR_MAX },
});

const deferred: Schema = {
  description:
    "Cards read at the board are approved while the host is out of reach, and it is told later: what it then declines is lost",
  ...object(["floorMinor", "currency"], {
    floorMinor: minor("The most that one payment may be, in minor units"),
    totalMinor: minor("The most that all may be of which the host has not decided"),
    currency: { description: "Others are not deferred", type: "string", pattern: "^[A-Z]{3}$" },
  }),
};

function setting(name: keyof FlowSettings): Schema {
  const description = SETTING_MEANINGS[name];
  const usual = DEFAULT_SETTINGS[name];
  if (typeof usual === "boolean") return { description, type: "boolean", default: usual };
  if (typeof usual === "number") {
    const maximum = name === "historyRows" ? 10_000 : 3600;
    return { description, type: "integer", minimum: 0, maximum, default: usual };
  }
  const rest = usual === undefined ? {} : { default: usual };
  return name === "primaryCurrency"
    ? { description, type: "string", pattern: "^[A-Z]{3}$" }
    : { description, type: "string", minLength: 2, maxLength: 8, ...rest };
}

function settings(): Schema {
  const names = Object.keys(SETTING_MEANINGS) as (keyof FlowSettings)[];
  const properties = Object.fromEntries(names.map((name) => [name, setting(name)]));
  return { default: {}, ...object([], properties) };
}

/** What an app may say is checked in code: it may also be an id alone. */
function stage(depth: number): Schema {
  return object(["name"], {
    name: { description: "In the order of the stages", enum: Object.keys(STAGES) },
    execution: {
      description: "Whom it calls (default: SINGLE for one, SINGLE_SELECT or MULTIPLE for several)",
      enum: Object.keys(EXECUTION_TYPES),
    },
    apps: {
      description: "Ids of services; or { id, mandatory, conditionalOn, delegateCancellationsTo }",
      type: "array",
      maxItems: 16,
      items: {},
    },
    ...(depth > 0 && {
      inner: {
        description: "Of SPLIT and FULFILLED_CHECK: the stages within",
        type: "array",
        maxItems: 12,
        items: stage(depth - 1),
      },
    }),
  });
}

const flow = object(["name", "type", "stages"], {
  name: label("Unique; services of the device name the one that pays them", 48),
  type: label(`${Object.keys(FLOW_TYPES).join(", ")}; or one of your own`, 48),
  version: { type: "integer", minimum: 0, maximum: 1_000_000 },
  description: label("For people", 96),
  restrictedToApp: label("Only this initiator may start it: sale, operator, or a service", 48),
  processInBackground: { description: "Flows of requests only", type: "boolean" },
  allowZeroAmounts: {
    description: "The payment application is called for a total of zero too",
    type: "boolean",
  },
  apiMajor: { type: "integer", minimum: 1, maximum: 999_999 },
  stages: { type: "array", minItems: 1, maxItems: 12, items: stage(2) },
});

const service = object(["id", "use"], {
  id: { ...label("As flows name it"), pattern: "^[\\w.-]+$" },
  use: label("The name of a stock service; a module (.js, .mjs) of your own; or remote", 255),
  grant: file("remote: its grant, as sluice enrol made it"),
  options: { description: "Of a stock service", type: "object" },
});

export const PAYMENT_SCHEMA: Schema = {
  description: "How orders are paid; by default with cards, by a host that moves no money",
  default: {},
  ...object([], {
    host,
    deferred,
    settings: settings(),
    services: {
      description: "Flow services, beside the payment application",
      type: "array",
      maxItems: SERVICES_MAX,
      items: service,
      default: [],
    },
    flows: {
      description: "All of the device's flows; where none are given they follow from the services",
      type: "array",
      maxItems: FLOWS_MAX,
      items: flow,
    },
  }),
};

/** Errors: `malformed` and `out-of-range`, at a path such as payment.flows.0.stages.2.apps.1.id. */
export function toPayment(
  entry: PaymentEntry,
  services: DeviceConfig["services"],
  toPath: (file: string) => string,
): Result<PaymentConfig> {
  const taker = toHost(entry.host, toPath);
  if (!taker.ok) return taker;
  const { deferred: policy } = entry;
  if (policy !== undefined && taker.value.kind === "terminal") {
    const message = "is of no use to a terminal, which reads and approves cards by itself";
    return fail("malformed", message, "payment.deferred");
  }
  if (policy?.totalMinor !== undefined && policy.totalMinor < policy.floorMinor) {
    return fail("out-of-range", "is less than floorMinor", "payment.deferred.totalMinor");
  }
  const read = readSettings(entry.settings, "payment.settings");
  if (!read.ok) return read;
  const used: ServiceToUse[] = [];
  for (const [index, one] of entry.services.entries()) {
    const at = `payment.services.${index}`;
    if (used.some(({ id }) => id === one.id)) {
      return fail("exists", `${one.id} is listed above`, `${at}.id`);
    }
    const toUse = toService(one, at, toPath);
    if (!toUse.ok) return toUse;
    used.push(toUse.value);
  }
  const flows = toFlows(entry.flows, read.value);
  if (!flows.ok) return flows;
  const config = {
    ...{ host: taker.value, settings: read.value, services: used },
    ...(policy !== undefined && { deferred: policy }),
  };
  const unknown = checkNamed(
    services,
    flows.value?.map(({ name }) => name),
  );
  if (!unknown.ok) return unknown;
  return ok(flows.value === undefined ? config : { ...config, flows: flows.value });
}

const HOST_NEEDS = {
  simulated: { needed: [], allowed: [] },
  stripe: { needed: ["apiKeyFile", "merchant"], allowed: ["url", "caFile"] },
  iso8583: { needed: ["host", "port", "merchant"], allowed: ["test"] },
  terminal: { needed: ["serial"], allowed: ["test"] },
} as const;

function toHost(entry: PaymentEntry["host"], toPath: (file: string) => string): Result<HostConfig> {
  const { kind, ...given } = entry;
  const { needed, allowed } = HOST_NEEDS[kind];
  const may: readonly string[] = [...needed, ...allowed];
  const odd = Object.keys(given).find((name) => !may.includes(name));
  if (odd !== undefined) {
    return fail("malformed", `is of no use to the host ${kind}`, `payment.host.${odd}`);
  }
  const missing = needed.find((name) => !(name in given));
  if (missing !== undefined) return fail("malformed", "is missing", `payment.host.${missing}`);
  const { merchant = { merchantId: "", terminalId: "", merchantName: "" } } = entry;
  if (kind === "stripe") {
    const address = entry.url === undefined ? undefined : addressOf(entry.url);
    if (address === undefined && entry.caFile !== undefined) {
      return fail("malformed", "is of no use without url", "payment.host.caFile");
    }
    const ca = entry.caFile === undefined ? {} : { caFile: toPath(entry.caFile) };
    const apiKeyFile = toPath(entry.apiKeyFile ?? "");
    return ok({ kind, apiKeyFile, merchant, ...(address && { address: { ...address, ...ca } }) });
  }
  if (kind === "iso8583") {
    const { host: name = "", port = 0, test: simulated = false } = entry;
    return ok({ kind, address: { host: name, port }, merchant, simulated });
  }
  if (kind === "terminal") {
    const { serial = "", test: simulated = false } = entry;
    return ok({ kind, serial, simulated });
  }
  return ok({ kind });
}

function addressOf(url: string) {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === "https:";
  const usual = secure ? 443 : 80;
  return {
    host: hostname,
    port: port === "" ? usual : Number(port),
    protocol: secure ? ("https" as const) : ("http" as const),
  };
}

function toService(
  { id, use, grant, options }: PaymentEntry["services"][number],
  at: string,
  toPath: (file: string) => string,
): Result<ServiceToUse> {
  const isModule = /\.[cm]?js$/.test(use);
  if (use !== "remote" && grant !== undefined) {
    return fail("malformed", "is of no use but to use: remote", `${at}.grant`);
  }
  if ((use === "remote" || isModule) && options !== undefined) {
    return fail("malformed", "are for stock services", `${at}.options`);
  }
  if (use === "remote") {
    if (grant === undefined) return fail("malformed", "is missing", `${at}.grant`);
    return ok({ id, grant: toPath(grant) });
  }
  return ok(isModule ? { id, module: toPath(use) } : { id, stock: use, options: options ?? {} });
}

const APP_KEYS = ["id", "mandatory", "conditionalOn", "delegateCancellationsTo"];

function toFlows(given: unknown[] | undefined, usual: FlowSettings) {
  if (given === undefined) return ok(undefined);
  const odd = oddKey(given, "payment.flows");
  if (odd !== undefined) return fail("malformed", odd.message, odd.at);
  const flows = readFlows(given, "payment.flows", usual);
  if (flows.ok) return ok(flows.flows);
  const [error] = flows.errors;
  return fail("malformed", error?.message ?? "are none", error?.at ?? "payment.flows");
}

/** A key of an app that means nothing; the schema has seen to the others. */
function oddKey(value: unknown, at: string): ConfigError | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (/\.apps\.\d+$/.test(at)) {
    const odd = Object.keys(value).find((name) => !APP_KEYS.includes(name));
    return odd === undefined
      ? undefined
      : { at: `${at}.${odd}`, message: `is no key here${didYouMean(odd, APP_KEYS)}` };
  }
  for (const [name, inner] of Object.entries(value)) {
    const found = oddKey(inner, `${at}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A flow that a service names is there from the start. */
function checkNamed(
  services: DeviceConfig["services"],
  configured: readonly string[] | undefined,
): Result<void> {
  const names = configured ?? Object.keys(FLOW_TYPES);
  for (const [index, { payment }] of services.entries()) {
    const name = payment?.flow;
    if (name === undefined || names.includes(name)) continue;
    const message = `there is no flow ${name}${didYouMean(name, names)}`;
    return fail("not-found", message, `services.${index}.payment.flow`);
  }
  return ok(undefined);
}

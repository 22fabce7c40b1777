// Which broker a consumer uses: the one it was told, else the one of the device that runs here, else the one
// that tells of itself on the network, else the port that MQTT has by custom. What the address says about its
// user is kept out of everything shown.

import { fail, ok, type Result } from "../firmware/result.ts";
import type { FoundBroker } from "../hal/linux/dns-sd.ts";
import type { BrokerState } from "../hal/linux/state-file.ts";
import type { TlsFiles } from "../hal/linux/tls-files.ts";
import type { Command } from "./command.ts";
import { type OptionValues, textOption } from "./option-value.ts";

export interface BrokerChoice {
  /** Without user and password. */
  url: string;
  username?: string;
  password?: string;
  from: "--broker" | "SLUICE_BROKER" | "running-device" | "network" | "default";
  /** On this machine: who speaks there is whoever may use it. */
  loopback: boolean;
}

export const DEFAULT_BROKER = "mqtt://127.0.0.1:1883";

const FROM: Readonly<Record<BrokerChoice["from"], string>> = {
  "--broker": "as --broker says",
  SLUICE_BROKER: "as SLUICE_BROKER says",
  "running-device": "of the device that runs here",
  network: "found on this network",
  default: "by default; name another with --broker",
};

export const TLS_OPTIONS: Command["options"] = {
  ca: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
};

/** Undefined when nobody said and no device runs here. Error: `usage`. */
export function chooseBroker(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  running: () => BrokerState | undefined,
): Result<BrokerChoice | undefined> {
  if (option !== undefined) return parseBroker(option, "--broker");
  const { SLUICE_BROKER: told } = environment;
  if (told !== undefined && told !== "") return parseBroker(told, "SLUICE_BROKER");
  const state = running();
  return state === undefined ? ok(undefined) : parseBroker(state.url, "running-device");
}

/** Of those that tell of themselves on the network. Error: `usage`, with the list, where there are several. */
export function pickBroker(found: readonly FoundBroker[]): Result<BrokerChoice> {
  const [only, ...more] = found;
  if (only === undefined) return parseBroker(DEFAULT_BROKER, "default");
  if (more.length === 0) return parseBroker(urlOf(only), "network");
  const list = found.map((one) => `\n  --broker ${urlOf(one)}   ${one.name} (${one.id})`).join("");
  return fail(
    "usage",
    `${found.length} brokers are on this network; choose one:${list}`,
    "--broker",
  );
}

function urlOf({ host, port }: FoundBroker): string {
  return `mqtt://${host}:${port}`;
}

export function brokerText({ url, from }: BrokerChoice): string {
  return `broker ${url} (${FROM[from]})`;
}

/** The files that --ca, --cert and --key name, for a broker at that address. Error: `usage`. */
export function readTlsOptions(values: OptionValues, url: string): Result<TlsFiles | undefined> {
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => textOption(values, name));
  if (ca === undefined && cert === undefined && key === undefined) return ok(undefined);
  if ((cert === undefined) !== (key === undefined)) {
    return fail("usage", "a certificate and its key go together", "--cert, --key");
  }
  if (!/^(mqtts|wss):/.test(url)) {
    return fail("usage", `nothing is encrypted at ${url}: write mqtts:// or wss://`, "--broker");
  }
  return ok({
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  });
}

/** Address, user and password apart. Error: `usage`, without a word of what was given. */
export function parseBroker(text: string, from: BrokerChoice["from"]): Result<BrokerChoice> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(mqtt|ws)s?:$/.test(url.protocol) || url.hostname === "") {
    return fail(
      "usage",
      "a broker is written mqtt://HOST:PORT, or with mqtts://, ws:// or wss://",
      from,
    );
  }
  const port = url.port === "" ? "" : `:${url.port}`;
  const { hostname, pathname } = url;
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (username === undefined || password === undefined) {
    return fail("usage", "user or password is not percent-encoded UTF-8", from);
  }
  // MQTT 3.1.1, 3.1.2.9: no password without a user name.
  if (username === "" && password !== "") return fail("usage", "a password needs a user", from);
  const path = url.protocol.startsWith("ws") && pathname !== "/" ? pathname : "";
  return ok({
    url: `${url.protocol}//${hostname}${port}${path}`,
    from,
    // What the network told is no word of this machine's, whatever address it names.
    loopback: from !== "network" && isLoopback(hostname),
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
  });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** RFC 6761 6.3 for the name, RFC 1122 3.2.1.3 and RFC 4291 2.5.3 for the addresses. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

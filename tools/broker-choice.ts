// Which broker a consumer uses: the one it was told, else the one of the device that runs here, else the port
// that MQTT has by custom. What the address says about its user is kept out of everything shown.

import { fail, ok, type Result } from "../firmware/result.ts";
import type { BrokerState } from "../hal/linux/state-file.ts";

export interface BrokerChoice {
  /** Without user and password. */
  url: string;
  username?: string;
  password?: string;
  from: "--broker" | "SLUICE_BROKER" | "running-device" | "default";
  /** On this machine: who speaks there is whoever may use it. */
  loopback: boolean;
}

export const DEFAULT_BROKER = "mqtt://127.0.0.1:1883";

const FROM: Readonly<Record<BrokerChoice["from"], string>> = {
  "--broker": "as --broker says",
  SLUICE_BROKER: "as SLUICE_BROKER says",
  "running-device": "of the device that runs here",
  default: "by default; name another with --broker",
};

/** `running` is asked only when nobody said. Error: `usage`. */
export function chooseBroker(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  running: () => BrokerState | undefined,
): Result<BrokerChoice> {
  if (option !== undefined) return parseBroker(option, "--broker");
  const { SLUICE_BROKER: told } = environment;
  if (told !== undefined && told !== "") return parseBroker(told, "SLUICE_BROKER");
  const state = running();
  if (state !== undefined) return parseBroker(state.url, "running-device");
  return parseBroker(DEFAULT_BROKER, "default");
}

export function brokerText({ url, from }: BrokerChoice): string {
  return `broker ${url} (${FROM[from]})`;
}

/** Address, user and password apart. Error: `usage`, without a word of what was given. */
export function parseBroker(text: string, from: BrokerChoice["from"]): Result<BrokerChoice> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^mqtts?:$/.test(url.protocol) || url.hostname === "") {
    return fail("usage", "a broker is written mqtt://HOST:PORT or mqtts://HOST:PORT", from);
  }
  const port = url.port === "" ? "" : `:${url.port}`;
  const { hostname } = url;
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (username === undefined || password === undefined) {
    return fail("usage", "user or password is not percent-encoded UTF-8", from);
  }
  // MQTT 3.1.1, 3.1.2.9: no password without a user name.
  if (username === "" && password !== "") return fail("usage", "a password needs a user", from);
  return ok({
    url: `${url.protocol}//${hostname}${port}`,
    from,
    loopback: isLoopback(hostname),
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

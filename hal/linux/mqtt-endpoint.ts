// Where a broker is and how it is reached: TCP or WebSocket, with or without TLS; and what to tell people when
// it is not.

import { connect as connectTcp, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { HalError } from "../hal-error.ts";
import type { TlsIdentity } from "./tls-files.ts";

export interface Endpoint {
  /** For people: without user and password. */
  shown: string;
  secure: boolean;
  host: string;
  port: number;
  /** Address of the WebSocket, where that is the way. */
  webSocket?: string;
}

const PORTS: Readonly<Record<string, number>> = {
  "mqtt:": 1883,
  "mqtts:": 8883,
  "ws:": 80,
  "wss:": 443,
};

/** Throws HalError `refused` for what is no address. */
export function parseEndpoint(text: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usual = url === undefined ? undefined : PORTS[url.protocol];
  if (url === undefined || usual === undefined || url.hostname === "") {
    // Not quoted: it may hold a password.
    throw new HalError(
      "refused",
      "that is no broker address: write mqtt://, mqtts://, ws:// or wss://HOST:PORT",
    );
  }
  const { protocol, hostname, pathname } = url;
  const port = url.port === "" ? usual : Number(url.port);
  const shown = `${protocol}//${hostname}:${port}`;
  const secure = protocol === "mqtts:" || protocol === "wss:";
  const plain = { secure, host: hostname.replace(/^\[|\]$/g, ""), port };
  if (!protocol.startsWith("ws")) return { shown, ...plain };
  const webSocket = `${shown}${pathname}`;
  return { shown: webSocket, ...plain, webSocket };
}

/** Opens a byte stream to the broker; trouble comes as its error. */
export type OpenStream = (tls: TlsIdentity) => Duplex;

export async function streamOpener(endpoint: Endpoint): Promise<OpenStream> {
  const { secure, host, port, webSocket } = endpoint;
  if (webSocket !== undefined) {
    // Loaded when called for: most links never need it.
    const { openWebSocket } = await import("./websocket.ts");
    return (tls) => openWebSocket(webSocket, tls);
  }
  if (!secure) return () => connectTcp({ host, port });
  // RFC 6066, 3: an address is no server name.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return (tls) => connectTls({ host, port, ...tls, ...servername });
}

const TLS_ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF|UNABLE_TO_|CERT_SIGNATURE|CERT_UNTRUSTED|INVALID_CA)/,
    "its certificate comes from a CA that is not known here: name the file of that CA with --ca",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "its certificate is for another host: use the name that stands in it",
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    "its certificate is not valid now: renew it, or set the clock of this machine",
  ],
  [
    /_ALERT_/,
    "it asks for a client certificate, or does not take ours: give one of its CA with --cert and --key",
  ],
  [
    /^(EPROTO$|ERR_SSL_)/,
    "TLS is not spoken there, or another version of it: use the broker's TLS port, or mqtt:// and ws://",
  ],
];

/** What to tell people when a broker did not take us: which address, why, and what to do. */
export function refusal({ shown, secure }: Endpoint, failure: Error | undefined): HalError {
  if (failure instanceof HalError) return failure;
  const code = (failure as { code?: unknown } | undefined)?.code;
  const why = failure?.message || (typeof code === "string" ? code : "it closed the connection");
  if (code === "ETIMEDOUT" || /^(connack timeout|Opening handshake has timed out)$/.test(why)) {
    const message = `no answer from the broker at ${shown}: check the address and the network`;
    return new HalError("timeout", message, failure);
  }
  return new HalError(
    "refused",
    `no connection to a broker at ${shown} (${why}): ${advice(code, secure)}`,
    failure,
  );
}

function advice(code: unknown, secure: boolean): string {
  if (typeof code === "number") return "check user name, password and its access list";
  const tls = TLS_ADVICE.find(([pattern]) => typeof code === "string" && pattern.test(code));
  if (tls !== undefined) return tls[1];
  if (secure && code !== "ECONNREFUSED" && code !== "ENOTFOUND") {
    return "is that its TLS port, and does it take our certificate (--cert and --key)?";
  }
  return 'start one with "sluice run" or "sluice broker", or name another with --broker';
}

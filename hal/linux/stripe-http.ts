// How requests to Stripe travel: node's HTTP under the library, with an overall deadline and a bound on what comes
// back. The library's own client has neither, and sends again by itself when a connection breaks.

import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type Stripe from "stripe";
import { after, type Clock, type Timer } from "../clock.ts";

type StripeOptions = NonNullable<ConstructorParameters<typeof Stripe>[1]>;
export type StripeHttpClient = NonNullable<StripeOptions["httpClient"]>;
type StripeResponse = Awaited<ReturnType<StripeHttpClient["makeRequest"]>>;

/** A list of a hundred refunds is a fifth of it. */
const BYTES_MAX = 512 * 1024;
/** A connection that is not made by then will not be. */
const CONNECT_MS = 4_000;
/** One failure is no trouble: an idle connection may have been closed at that moment. */
const FAILURES = 2;
/** So long they speak for what comes next: longer than anybody waits who has something to tell again. */
const TROUBLE_MS = 75_000;

const UNREACHABLE = "the payment host cannot be reached";
const SILENT = "the payment host does not answer";

export interface StripeHttp {
  client: StripeHttpClient;
  /** Why a request would hardly be answered now: the last ones were not, and that is not long ago. */
  trouble(): string | undefined;
  /** Breaks what runs. Idempotent. */
  close(): void;
}

/** `ca`: PEM of the only authorities that are believed, in the place of the system's. */
export function openStripeHttp(clock: Clock, ca?: string): StripeHttp {
  const plain = new HttpAgent({ keepAlive: true, maxSockets: 8 });
  const secure = new HttpsAgent({
    keepAlive: true,
    maxSockets: 8,
    ...(ca !== undefined && { ca }),
  });
  let failed: { times: number; atMs: number; text: string } | undefined;
  return {
    trouble: () => {
      if (failed === undefined || failed.times < FAILURES) return undefined;
      return clock.monotonicMs() < failed.atMs + TROUBLE_MS ? failed.text : undefined;
    },
    client: {
      getClientName: () => "bounded",
      makeRequest: (host, port, path, method, headers, body, protocol, timeoutMs) =>
        new Promise((resolve, reject) => {
          const isPlain = protocol === "http";
          const [send, agent] = isPlain ? [requestHttp, plain] : [requestHttps, secure];
          const request = send({ host, port, path, method, agent, headers: textOf(headers) });
          const deadline = after(clock, timeoutMs, () => request.destroy(new Error("no answer")));
          let connecting: Timer | undefined;
          let isConnected = false;
          request.on("socket", (socket) => {
            const connected = (): void => {
              connecting?.cancel();
              isConnected = true;
            };
            if (!socket.connecting) return connected();
            connecting = after(clock, CONNECT_MS, () =>
              request.destroy(new Error("no connection")),
            );
            socket.once(isPlain ? "connect" : "secureConnect", connected);
          });
          const fail = (error: unknown): void => {
            deadline.cancel();
            connecting?.cancel();
            const text = isConnected ? SILENT : UNREACHABLE;
            failed = { times: (failed?.times ?? 0) + 1, atMs: clock.monotonicMs(), text };
            // Under its own code the library would send a broken request again.
            reject(new Error(`connection: ${codeOf(error)}`));
          };
          request.on("error", fail);
          request.on("response", (response) => {
            readAll(response).then((text) => {
              deadline.cancel();
              failed = undefined;
              resolve(whole(response, text));
            }, fail);
          });
          request.end(body);
        }),
    },
    close: () => {
      plain.destroy();
      secure.destroy();
    },
  };
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(code ?? message ?? "failed").slice(0, 40);
}

function textOf(headers: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, String(value)]),
  );
}

function readAll(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let length = 0;
    response.on("data", (part: Uint8Array) => {
      length += part.length;
      if (length > BYTES_MAX) response.destroy(new Error("answer too large"));
      else parts.push(part);
    });
    response.on("error", reject);
    // A body that was cut short ends without `end`.
    response.on("close", () => reject(new Error("answer cut short")));
    response.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
  });
}

/** The library takes apart what is an object; anything else would leave its caller waiting for ever. */
function whole(response: IncomingMessage, text: string): StripeResponse {
  const { statusCode = 0, headers } = response;
  return {
    getStatusCode: () => statusCode,
    // Notices of the peer are not printed.
    getHeaders: () => ({ "request-id": String(headers["request-id"] ?? "").slice(0, 64) }),
    getRawResponse: () => ({}),
    toStream: () => {
      throw new Error("answers are not streamed");
    },
    toJSON: async () => {
      const json: unknown = JSON.parse(text);
      const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
      if (!isObject) throw new Error("the answer is no object");
      return json;
    },
  };
}

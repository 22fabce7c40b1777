// A health answer over HTTP for whoever watches processes on this machine: GET /health and GET /ready on loopback,
// each 200 or 503 with its reasons as JSON. The only file that answers HTTP; nothing else is served.

import { createServer, type ServerResponse } from "node:http";
import { HalError } from "../hal-error.ts";

export interface HealthReport {
  /** 200 or 503. */
  ok: boolean;
  /** Why not, or what is wrong with a part of it. */
  reasons: readonly string[];
  /** What else the answer says. */
  facts?: Readonly<Record<string, unknown>>;
}

/** Whether the process does its work at all, and whether it can sell at this moment. */
export interface HealthSource {
  health(): HealthReport;
  ready(): HealthReport;
}

export interface HealthServer {
  url: string;
  /** Idempotent. */
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const CONNECTIONS_MAX = 16;
const REQUEST_MS_MAX = 2_000;
/** Whoever is slower is let go so soon after that; Node itself would look every 30 s. */
const LOOK_MS = 500;
/** What a browser calls us that was led here under another name, by a page that wants to read us, is not one of these. */
const NAMES = /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/i;

/** Rejects with HalError `refused` when the port is taken; port 0 takes any. */
export function openHealthServer(port: number, source: HealthSource): Promise<HealthServer> {
  const server = createServer(
    {
      maxHeaderSize: 4096,
      requestTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: LOOK_MS,
      keepAliveTimeout: 1,
    },
    (request, response) => {
      // Nobody has anything to send us: what comes is not read.
      request.resume();
      const { method, url = "", headers } = request;
      if (!NAMES.test(headers.host ?? "")) return answer(response, 403, {});
      const path = url.split("?", 1)[0];
      if (method !== "GET" && method !== "HEAD") return answer(response, 405, {});
      if (path === "/health") return report(response, source.health());
      if (path === "/ready") return report(response, source.ready());
      return answer(response, 404, { paths: ["/health", "/ready"] });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const words = `port ${port} of ${HOST} cannot be used for health answers (${error.code})`;
      reject(new HalError("refused", words, error));
    });
    server.listen(port, HOST, () => {
      const address = server.address();
      const taken = typeof address === "object" && address !== null ? address.port : port;
      resolve({ url: `http://${HOST}:${taken}`, close: () => closeServer(server) });
    });
  });
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function report(response: ServerResponse, { ok, reasons, facts }: HealthReport): void {
  answer(response, ok ? 200 : 503, { ok, reasons, ...facts });
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    connection: "close",
  });
  response.end(`${JSON.stringify(body)}\n`);
}

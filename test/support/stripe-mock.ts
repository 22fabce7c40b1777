// A mock of just the Stripe calls that the adapter uses, over HTTP or HTTPS on loopback. It checks every parameter,
// keeps idempotency keys as the public reference says, lists its transactions, and fails on demand.

import { readFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Socket } from "node:net";
import { apiError, MockLedger, type Params, type Reply } from "./stripe-mock-ledger.ts";

export const MOCK_KEY = "sk_test_mockmockmockmock";

export type MockFault =
  | "lose-request" // neither done nor answered
  | "stall" // done only when `release` is called, and never answered
  | "lose-answer"
  | "answer-late"
  | "reset" // done, and the connection breaks
  | "server-error" // 500, not done; the key repeats it
  | "malformed"
  | "scalar" // JSON, and no object
  | "huge"
  | "slow-drip" // a byte now and then
  | { change: (body: Record<string, unknown>) => void };

export interface StripeMock {
  readonly ledger: MockLedger;
  readonly port: number;
  readonly isUp: boolean;
  /** What was asked, in order: method and path. */
  readonly asked: readonly string[];
  /** Every body that arrived. */
  readonly received: readonly string[];
  /** The next request whose method and path match has this fault. */
  fail(asked: RegExp, fault: MockFault): void;
  /** Does what was stalled. */
  release(): void;
  /** Forgets all idempotency keys, as after a day. */
  forgetKeys(): void;
  /** Closes the port, and opens the same again. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

const LATE_MS = 600;
const HUGE_BYTES = 2 * 1024 * 1024;

/** Parameters by endpoint: anything else is refused, as Stripe does. */
const ALLOWED: readonly (readonly [RegExp, RegExp])[] = [
  [
    /^POST \/v1\/payment_intents$/,
    /^(?:amount|currency|capture_method|allowed_payment_method_types\[0\]|metadata\[\w+\])$/,
  ],
  [/\/confirm$/, /^(?:payment_method|error_on_requires_action|expand\[0\])$/],
  [/\/capture$/, /^(?:amount_to_capture|metadata\[\w+\]|expand\[0\])$/],
  [/\/cancel$/, /^expand\[0\]$/],
  [/^POST \/v1\/refunds$/, /^(?:payment_intent|amount|metadata\[\w+\])$/],
  [/^GET \/v1\/refunds$/, /^(?:payment_intent|limit)$/],
  [/^GET \/v1\/payment_intents$/, /^limit$/],
  [/^GET /, /^expand\[0\]$/],
];

export async function openStripeMock(tls?: { cert: string; key: string }): Promise<StripeMock> {
  const mock = new Mock(tls);
  await mock.up();
  return mock;
}

class Mock implements StripeMock {
  readonly ledger = new MockLedger();
  readonly asked: string[] = [];
  readonly received: string[] = [];
  port = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #faults: { asked: RegExp; fault: MockFault }[] = [];
  readonly #keys = new Map<string, { request: string; reply: Reply }>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stalled: (() => void)[] = [];

  constructor(tls?: { cert: string; key: string }) {
    const serve: RequestListener = (request, response) => {
      const parts: Uint8Array[] = [];
      request.on("data", (part: Uint8Array) => parts.push(part));
      request.on("end", () => this.#serve(request, response, Buffer.concat(parts).toString()));
    };
    this.#server =
      tls === undefined
        ? createServer(serve)
        : createSecureServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, serve);
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  get isUp(): boolean {
    return this.#server.listening;
  }

  fail(asked: RegExp, fault: MockFault): void {
    this.#faults.push({ asked, fault });
  }

  release(): void {
    const due = this.#stalled;
    this.#stalled = [];
    for (const run of due) run();
  }

  forgetKeys(): void {
    this.#keys.clear();
  }

  down(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  up(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(this.port, "127.0.0.1", () => {
        const address = this.#server.address();
        this.port = typeof address === "object" && address !== null ? address.port : 0;
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#server.listening) await this.down();
  }

  #serve(request: IncomingMessage, response: ServerResponse, body: string): void {
    const url = new URL(request.url ?? "/", "http://mock");
    const asked = `${request.method} ${url.pathname}`;
    this.asked.push(asked);
    this.received.push(`${request.url} ${body}`);
    const index = this.#faults.findIndex((one) => one.asked.test(asked));
    const [{ fault } = { fault: undefined }] = index < 0 ? [] : this.#faults.splice(index, 1);
    const params = new Map(new URLSearchParams(request.method === "GET" ? url.search : body));
    const answer = (): Reply => this.#keyed(request, asked, params, fault === "server-error");
    if (fault === "lose-request") return;
    if (fault === "stall") {
      this.#stalled.push(() => void answer());
      return;
    }
    const reply = answer();
    if (fault === undefined || fault === "server-error") send(response, reply);
    else this.#misbehave(response, reply, fault);
  }

  #misbehave(
    response: ServerResponse,
    reply: Reply,
    fault: Exclude<MockFault, "lose-request" | "stall" | "server-error">,
  ): void {
    if (typeof fault === "object") {
      const body = structuredClone(reply.body);
      fault.change(body);
      send(response, { status: reply.status, body });
    } else if (fault === "answer-late") this.#later(LATE_MS, () => send(response, reply));
    else if (fault === "reset") response.socket?.resetAndDestroy();
    else if (fault === "malformed") response.end('{"id": "pi_');
    else if (fault === "scalar") response.end("5");
    else if (fault === "huge") response.end(`{"id":"${"x".repeat(HUGE_BYTES)}"}`);
    else if (fault === "slow-drip") this.#drip(response);
  }

  #drip(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    const drop = (): void => {
      if (response.destroyed) return;
      response.write(" ");
      this.#later(20, drop);
    };
    drop();
  }

  #later(delayMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }

  /** Under a key that was used before the saved answer is given again; with other parameters it is an error. */
  #keyed(request: IncomingMessage, asked: string, params: Params, isBroken: boolean): Reply {
    if (request.headers.authorization !== `Bearer ${MOCK_KEY}`) {
      return apiError(401, "invalid_request_error", "invalid_api_key");
    }
    if (request.method !== "POST") return this.#route(asked, params);
    const key = request.headers["idempotency-key"];
    if (typeof key !== "string" || key.length > 255) {
      return apiError(400, "invalid_request_error", "mock_key_missing");
    }
    const same = JSON.stringify([asked, [...params].sort()]);
    const before = this.#keys.get(key);
    if (before !== undefined) {
      return before.request === same
        ? before.reply
        : apiError(400, "idempotency_error", "key_reused");
    }
    const reply = isBroken ? apiError(500, "api_error", "mock_broken") : this.#route(asked, params);
    // What fails before it is executed is not saved.
    if (reply.status !== 400 && reply.status !== 404) this.#keys.set(key, { request: same, reply });
    return reply;
  }

  #route(asked: string, params: Params): Reply {
    const [, allowed] = ALLOWED.find(([path]) => path.test(asked)) ?? [];
    for (const name of params.keys()) {
      if (allowed?.test(name) !== true) {
        return apiError(400, "invalid_request_error", "parameter_unknown", { param: name });
      }
    }
    const { ledger } = this;
    if (asked === "POST /v1/payment_intents") return ledger.create(params);
    if (asked === "GET /v1/payment_intents") return ledger.list();
    if (asked === "POST /v1/refunds") return ledger.refund(params);
    if (asked === "GET /v1/refunds") return ledger.listRefunds(params.get("payment_intent") ?? "");
    const [, id = "", action] =
      /^(?:GET|POST) \/v1\/payment_intents\/(\w+)(?:\/(confirm|capture|cancel))?$/.exec(asked) ??
      [];
    if (action === "confirm") return ledger.confirm(id, params);
    if (action === "capture") return ledger.capture(id, params);
    if (action === "cancel") return ledger.cancel(id);
    if (asked.startsWith("GET ")) {
      return ledger.retrieve(id, params.get("expand[0]") === "latest_charge");
    }
    return apiError(404, "invalid_request_error", "mock_no_such_call");
  }
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { "content-type": "application/json", "request-id": "req_mock" });
  response.end(JSON.stringify(body));
}

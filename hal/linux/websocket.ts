// MQTT over WebSocket (MQTT 3.1.1, 6), for networks that let nothing else through and for browsers: `ws`, the
// only file that imports it. A message of WebSocket is gathered whole before its bytes are seen, so its size is
// bounded here; the packets inside are bounded by MqttStream as on any other socket.

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocket, WebSocketServer } from "ws";
import type { TlsIdentity } from "./tls-files.ts";

/** RFC 6455 names no limit, and brokers pass on what they were given in one message. */
const MESSAGE_BYTES_MAX = 1024 * 1024;
const PROTOCOL = "mqtt";
const HANDSHAKE_MS_MAX = 10_000;
const HEADER_BYTES_MAX = 8 * 1024;

/** Compression is refused: it would blow a small message up, and what we send is sealed anyway. */
const COMMON = { maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false };

/** Bytes written before it is open wait. Trouble comes as its error. */
export function openWebSocket(url: string, tls: TlsIdentity): Duplex {
  const options = { ...COMMON, ...tls, handshakeTimeout: HANDSHAKE_MS_MAX, followRedirects: false };
  return createWebSocketStream(new WebSocket(url, [PROTOCOL], options));
}

export interface WebSocketListener {
  port: number;
  close(): Promise<void>;
}

/** Rejects with the system's error when the address cannot be had. */
export async function listenWebSocket(
  { host, port, connectionsMax }: { host: string; port: number; connectionsMax: number },
  onStream: (stream: Duplex) => void,
): Promise<WebSocketListener> {
  const http = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (_, response) => {
    response.writeHead(426, { connection: "close" }).end("MQTT over WebSocket is spoken here\n");
  });
  http.headersTimeout = HANDSHAKE_MS_MAX;
  http.requestTimeout = HANDSHAKE_MS_MAX;
  http.maxConnections = connectionsMax;
  const sockets = new WebSocketServer({
    ...COMMON,
    server: http,
    clientTracking: true,
    verifyClient: ({ req }: { req: IncomingMessage }) => offers(req, PROTOCOL),
    handleProtocols: () => PROTOCOL,
  });
  // The server's own errors come to the listening below.
  sockets.on("error", () => undefined);
  sockets.on("connection", (socket) => onStream(createWebSocketStream(socket)));
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, resolve);
  });
  const address = http.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      });
    },
  };
}

function offers({ headers }: IncomingMessage, wanted: string): boolean {
  const { "sec-websocket-protocol": protocols = "" } = headers;
  return protocols.split(",").some((one) => one.trim() === wanted);
}

/** Text both ways: what is no text ends it. */
export interface TextSocket {
  send(text: string): void;
  /** Bytes that the other side has not taken yet. */
  waiting(): number;
  onText(listener: (text: string) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

export type WebSocketRoute = { protocol: string } & (
  | { onStream: (stream: Duplex) => void }
  | { onText: (socket: TextSocket) => void }
);

const REFUSED = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/** On an HTTP server that serves other things too: by path. `mayEnter` judges where a request comes from. */
export function routeWebSockets(
  http: Server,
  routes: Readonly<Record<string, WebSocketRoute>>,
  mayEnter: (request: IncomingMessage) => boolean,
): { close(): void } {
  const sockets = new WebSocketServer({
    ...COMMON,
    noServer: true,
    clientTracking: true,
    handleProtocols: (offered) =>
      Object.values(routes).find(({ protocol }) => offered.has(protocol))?.protocol ?? false,
  });
  http.on("upgrade", (request, socket, head) => {
    const path = request.url ?? "";
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined || !offers(request, route.protocol) || !mayEnter(request)) {
      socket.on("error", () => undefined);
      // The other side may never close its half.
      socket.end(REFUSED, () => socket.destroy());
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      if ("onStream" in route) route.onStream(createWebSocketStream(opened));
      else route.onText(textSocket(opened));
    });
  });
  return {
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

function textSocket(socket: WebSocket): TextSocket {
  // Too large a message is its error, and ends it.
  socket.on("error", () => socket.terminate());
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    waiting: () => socket.bufferedAmount,
    onText: (listener) => {
      socket.on("message", (data, isBinary) => {
        if (isBinary) socket.close(1003);
        else listener(String(data));
      });
    },
    onClose: (listener) => void socket.on("close", listener),
    close: () => socket.close(),
  };
}

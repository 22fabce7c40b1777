// The ISO 8583 host over TCP: connections that break, hang, speak nonsense or come late.

import { connect, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import type { Iso8583Host } from "../../../hal/drivers/iso8583-host.ts";
import { framed } from "../../../hal/drivers/iso8583-line.ts";
import { openIso8583Host } from "../../../hal/linux/iso8583-host.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../../hal/linux/system-clock.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { TEST_CARDS } from "../../../hal/sim/sim-payment-host.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { openAcquirer } from "../../../tools/acquirer/acquirer.ts";
import { memoryJournal } from "../../../tools/acquirer/journal.ts";
import { serveAcquirer } from "../../../tools/acquirer/server.ts";
import type { HostBench } from "../../contract/payment-host-bench.ts";
import { order, paying } from "../../contract/payment-host-payer.ts";
import { bytesOf, spoilt } from "../../support/iso8583-bytes.ts";
import { openTcpProxy } from "../../support/tcp-proxy.ts";

const systemClock = openSystemClock();
const crypto = openNodeCrypto();
const MERCHANT = { terminalId: "TERM0001", merchantId: "M1", merchantName: "Harbour" };

const openHost = (port: number, answerMs = 5_000, clock = systemClock): Promise<Iso8583Host> =>
  openIso8583Host(
    { host: "127.0.0.1", port },
    {
      ...{ ...MERCHANT, clock, crypto, simulated: true, answerMs },
      ...{ secretKey: new Uint8Array(32).fill(0x55), store: simStore().store() },
    },
  );

function authorise(host: Iso8583Host, number = 1) {
  const bench = { crypto, host, cards: TEST_CARDS } as unknown as HostBench;
  const pay = paying(bench, { nonce: number });
  return host.authorise(`${order(number)}/1/authorise`, ...pay);
}

async function withAcquirer(
  use: (port: number, acquirer: ReturnType<typeof openAcquirer>) => Promise<void>,
): Promise<void> {
  const acquirer = openAcquirer({ clock: systemClock, journal: memoryJournal() });
  const server = await serveAcquirer(acquirer, { host: "127.0.0.1", port: 0 });
  try {
    await use(server.port, acquirer);
  } finally {
    await server.close();
  }
}

/** Lets sockets work until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A peer that does with each connection what it is told to; says how many there were. */
async function openPeer(meet: (socket: Socket, number: number) => void) {
  let connections = 0;
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    meet(socket, ++connections);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    connections: () => connections,
    sockets,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

describe("over TCP", () => {
  test("sales at once are all approved over one connection", () =>
    withAcquirer(async (port, acquirer) => {
      const host = await openHost(port);
      const calls = Array.from({ length: 50 }, (_, index) => authorise(host, index + 1));
      const answers = await Promise.all(calls);
      expect(answers.every(({ kind }) => kind === "approved")).toBe(true);
      expect(acquirer.books.payments()).toHaveLength(50);
      host.close();
    }));

  test("a connection that breaks before the answer is made again, and the question repeated", () =>
    withAcquirer(async (port, acquirer) => {
      const proxy = await openTcpProxy(port);
      proxy.breakOff();
      const host = await openHost(proxy.port);
      const call = authorise(host);
      proxy.restore();
      expect(await call).toMatchObject({ kind: "approved" });
      expect(acquirer.books.payments()).toHaveLength(1);
      host.close();
      await proxy.close();
    }));

  test("an acquirer that is not there is no answer", async () => {
    const peer = await openPeer(() => undefined);
    await peer.close();
    const host = await openHost(peer.port, 300);
    expect(await authorise(host)).toEqual({ kind: "no-answer" });
    host.close();
  });

  test.each<[string, Uint8Array]>([
    ["a length that no message has", Uint8Array.of(0xff, 0xff, 0x30)],
    [
      "nonsense again and again",
      Uint8Array.from(new Array(9).fill([...framed(bytesOf("nonsense"))]).flat()),
    ],
  ])("I11: %s breaks the connection, and the next one is good", (_, bytes) =>
    withAcquirer(async (port) => {
      const peer = await openPeer((socket, number) => {
        if (number === 1) socket.write(bytes);
        else acquirerOf(socket, port);
      });
      const host = await openHost(peer.port);
      expect(await authorise(host)).toMatchObject({ kind: "approved" });
      expect(peer.connections()).toBe(2);
      host.close();
      await peer.close();
    }),
  );

  test("I11: a message that drips is given ten seconds from its first byte", async () => {
    const peer = await openPeer((socket) => {
      socket.write(framed(new Uint8Array(100)).subarray(0, 4));
    });
    const world = simWorld({ seed: 1 });
    const host = await openHost(peer.port, 60_000, world.clock);
    await until(() => peer.connections() === 1);
    const [drip] = peer.sockets;
    for (let second = 1; second <= 9; second++) {
      drip?.write("0");
      let turns = 0;
      await until(() => drip?.writableLength === 0 && ++turns > 20);
      await world.runFor(1_000);
      expect(drip?.destroyed).toBe(false);
    }
    await world.runFor(1_100);
    await until(() => drip?.destroyed === true);
    expect(peer.connections()).toBe(1);
    host.close();
    await peer.close();
  });

  test("I11: an acquirer breaks a connection at a length that no message has", () =>
    withAcquirer(async (port) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(Uint8Array.of(0xff, 0xff)));
      socket.on("error", () => undefined);
      socket.resume();
      await until(() => socket.destroyed);
      expect(socket.bytesRead).toBe(0);
    }));

  test("I11: an acquirer takes 20,000 spoilt frames, breaks what makes no sense, and goes on", () =>
    withAcquirer(async (port, acquirer) => {
      const random = seededRandom(9, "frames");
      const real = framed(
        bytesOf(
          "0100<7224000000808000>1641111111111111110000000000000010001122081530000042" +
            "3012TERM0001978",
        ),
      );
      for (let batch = 0; batch < 200; batch++) {
        const frames = Array.from({ length: 100 }, () => spoilt(real, random));
        await sendAndClose(port, frames);
      }
      const host = await openHost(port);
      expect(await authorise(host)).toMatchObject({ kind: "approved" });
      expect(acquirer.books.payments()).toHaveLength(1);
      expect(acquirer.malformed()).toBeGreaterThan(100);
      host.close();
    }));
});

function acquirerOf(socket: Socket, port: number): void {
  const upstream = connect(port, "127.0.0.1");
  upstream.on("error", () => undefined);
  socket.pipe(upstream).pipe(socket);
  socket.on("close", () => upstream.destroy());
}

async function sendAndClose(port: number, frames: readonly Uint8Array[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      for (const frame of frames) socket.write(frame);
      socket.end();
    });
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    socket.on("close", () => resolve());
  });
}

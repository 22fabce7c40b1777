// What the connection says of whether Stripe can be asked: how soon it is given up, and for how long that counts.

import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openStripeHttp } from "../../../hal/linux/stripe-http.ts";
import { simWorld } from "../../../hal/sim/world.ts";

let server: Server | undefined;
afterEach(() => server?.close());

test("a connection that is never made is given up after 4 s, twice is trouble, and 75 s later nobody knows", async () => {
  // It takes the call, and says nothing to whoever wants to speak TLS.
  const listening = createServer((socket) => socket.on("error", () => undefined));
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as { port: number };
  const world = simWorld({ seed: 1 });
  const http = openStripeHttp(world.clock);
  const failed = async (): Promise<void> => {
    const accepted = new Promise((resolve) => listening.once("connection", resolve));
    const { client } = http;
    const asked = client.makeRequest(
      "127.0.0.1",
      String(port),
      "/",
      "GET",
      {},
      "",
      "https",
      10_000,
    );
    let end: unknown;
    asked.catch((error: unknown) => {
      end = error;
    });
    await accepted;
    await world.runFor(3_900);
    await new Promise(setImmediate);
    expect(end).toBeUndefined();
    await world.runFor(200);
    await expect(asked).rejects.toThrow("connection: no connection");
  };
  await failed();
  expect(http.trouble()).toBeUndefined();
  await failed();
  expect(http.trouble()).toBe("the payment host cannot be reached");
  await world.runFor(74_000);
  expect(http.trouble()).toBe("the payment host cannot be reached");
  await world.runFor(2_000);
  expect(http.trouble()).toBeUndefined();
  http.close();
});

// Links over TLS and WebSocket: who is trusted, and what is said when somebody is not.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TlsOptions } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fromUtf8, utf8 } from "../../../firmware/bytes.ts";
import type { Link } from "../../../hal/link.ts";
import { openBroker } from "../../../hal/linux/broker.ts";
import { openMqttLink } from "../../../hal/linux/mqtt-link.ts";
import type { TlsFiles } from "../../../hal/linux/tls-files.ts";
import { type Authority, makeAuthority, type Signed } from "../../support/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
let authority: Authority;
let stranger: Authority;
let server: Signed;
let client: Signed;
beforeAll(() => {
  authority = makeAuthority(folder);
  stranger = makeAuthority(folder, "stranger");
  server = authority.issue("broker", ["IP:127.0.0.1"]);
  client = authority.issue("someone");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** TLS in front of the embedded broker; gives the port. */
async function tlsBroker(identity: Signed, options: TlsOptions = {}): Promise<number> {
  const broker = await openBroker({ port: 0 });
  cleanups.push(() => broker.close());
  return tlsInFrontOf(broker.port, identity, options);
}

async function tlsInFrontOf(port: number, identity: Signed, options: TlsOptions): Promise<number> {
  const [cert, key] = [readFileSync(identity.cert), readFileSync(identity.key)];
  const ca = readFileSync(authority.ca);
  const relay = createServer({ cert, key, ca, ...options }, (secure) => {
    const plain = connect(port, "127.0.0.1");
    for (const socket of [secure, plain]) socket.on("error", () => undefined);
    secure.on("close", () => plain.destroy());
    plain.on("close", () => secure.destroy());
    secure.pipe(plain).pipe(secure);
    cleanups.push(() => secure.destroy());
  });
  relay.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => relay.close());
  const address = relay.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function link(url: string, tls: TlsFiles): Promise<Link> {
  const opened = await openMqttLink({ url, clientId: "a", tls, answerTimeoutMs: 5_000 });
  cleanups.push(() => opened.close());
  return opened;
}

/** What comes back of what is published. */
async function echo(of: Link): Promise<string | undefined> {
  await of.subscribe("n");
  const heard = new Promise<string | undefined>((resolve) => {
    of.onMessage(({ payload }) => resolve(fromUtf8(payload)));
  });
  of.publish("n", utf8("hello"));
  return heard;
}

describe("a link over TLS", () => {
  test("serves with the CA that vouches for the broker", async () => {
    const port = await tlsBroker(server);
    expect(await echo(await link(`mqtts://127.0.0.1:${port}`, { ca: authority.ca }))).toBe("hello");
  });

  test("serves with a client certificate, and not without", async () => {
    const port = await tlsBroker(server, { requestCert: true, rejectUnauthorized: true });
    const url = `mqtts://127.0.0.1:${port}`;
    expect(await echo(await link(url, { ca: authority.ca, ...client }))).toBe("hello");
    const without = link(url, { ca: authority.ca });
    await expect(without).rejects.toMatchObject({ name: "HalError", kind: "refused" });
    await expect(without).rejects.toThrow(/--cert and --key/);
    const foreign = link(url, { ca: authority.ca, ...stranger.issue("someone") });
    await expect(foreign).rejects.toThrow(/--cert and --key/);
  });

  test("I11: refuses a broker of another CA, of another name, or out of date, and says what to do", async () => {
    const { ca } = authority;
    const refused = async (port: number, tls: TlsFiles, message: RegExp): Promise<void> => {
      const opening = link(`mqtts://127.0.0.1:${port}`, tls);
      await expect(opening).rejects.toMatchObject({ name: "HalError", kind: "refused" });
      await expect(opening).rejects.toThrow(message);
    };
    const port = await tlsBroker(server);
    await refused(port, {}, /CA that is not known here: .*--ca$/);
    await refused(port, { ca: stranger.ca }, /CA that is not known here/);
    const other = await tlsBroker(authority.issue("broker", ["DNS:elsewhere.example"]));
    await refused(other, { ca }, /for another host/);
    const past = { from: "20200101000000Z", until: "20210101000000Z" };
    const old = await tlsBroker(authority.issue("broker", ["IP:127.0.0.1"], past));
    await refused(old, { ca }, /not valid now/);
  });

  test("says that TLS is not spoken there", async () => {
    const { port, close } = await openBroker({ port: 0 });
    cleanups.push(close);
    const opening = link(`mqtts://127.0.0.1:${port}`, { ca: authority.ca });
    await expect(opening).rejects.toThrow(/TLS is not spoken there|is that its TLS port/);
  });
});

describe("the files of a link over TLS", () => {
  const url = "mqtts://127.0.0.1:1";
  const refused = async (tls: TlsFiles, kind: string, message: RegExp): Promise<void> => {
    const opening = link(url, tls);
    await expect(opening).rejects.toMatchObject({ name: "HalError", kind });
    await expect(opening).rejects.toThrow(message);
  };

  test("I12: a key that others could read is refused, and its name said", async () => {
    const { cert, key } = authority.issue("loose");
    chmodSync(key, 0o640);
    await refused({ cert, key }, "refused", new RegExp(`^${key} is open to others .*chmod 600`));
  });

  test("what is missing, no PEM, too large or of another certificate is named", async () => {
    const other = authority.issue("other");
    const junk = join(folder, "junk");
    writeFileSync(junk, "not a certificate", { mode: 0o600 });
    const large = join(folder, "large");
    writeFileSync(large, "x".repeat(300_000));
    await refused({ ca: join(folder, "none") }, "refused", /none does not exist/);
    await refused({ ca: junk }, "corrupt", /junk holds no certificate/);
    await refused({ ca: large }, "corrupt", /large is larger than/);
    await refused({ ca: folder }, "refused", /is no plain file/);
    await refused({ cert: client.cert, key: junk }, "corrupt", /junk holds no key/);
    await refused({ cert: client.cert, key: other.key }, "refused", /is not the key of/);
    await refused({ cert: client.cert }, "refused", /of no use without its key/);
    await refused({ key: client.key }, "refused", /of no use without its certificate/);
  });
});

describe("a link over WebSocket", () => {
  test("serves with TLS too, and the CA that vouches for the broker", async () => {
    const broker = await openBroker({ port: 0, ws: 0 });
    cleanups.push(() => broker.close());
    const inside = Number(new URL(broker.webSocketUrl ?? "").port);
    const port = await tlsInFrontOf(inside, server, {});
    const secure = `wss://127.0.0.1:${port}/mqtt`;
    expect(await echo(await link(secure, { ca: authority.ca }))).toBe("hello");
    await expect(link(secure, {})).rejects.toThrow(/CA that is not known here/);
  });

  test("says what is there when it is no broker", async () => {
    const broker = await openBroker({ port: 0 });
    cleanups.push(() => broker.close());
    const opening = link(`ws://127.0.0.1:${broker.port}`, {});
    await expect(opening).rejects.toMatchObject({ name: "HalError", kind: "refused" });
  });
});

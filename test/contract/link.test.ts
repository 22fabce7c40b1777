// The Link contract on the simulated broker, on the embedded one, and on Debian's mosquitto as a peer that
// is not ours.

import { describe, test } from "vitest";
import { openBroker } from "../../hal/linux/broker.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { simBroker } from "../../hal/sim/sim-link.ts";
import { mosquittoMissing, startMosquitto } from "../support/mosquitto.ts";
import { openTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { describeLink, type LinkUnderTest } from "./link.ts";

/** Every client through a relay of its own. */
function behindProxies(port: number, stop: () => Promise<void>): LinkUnderTest {
  const proxies = new Map<string, TcpProxy>();
  return {
    connect: async (clientId, will) => {
      const proxy = proxies.get(clientId) ?? (await openTcpProxy(port));
      proxies.set(clientId, proxy);
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      return openMqttLink({ url, clientId, ...(will === undefined ? {} : { will }) });
    },
    breakOff: (clientId) => proxies.get(clientId)?.breakOff(),
    restore: (clientId) => proxies.get(clientId)?.restore(),
    dispose: async () => {
      for (const proxy of proxies.values()) await proxy.close();
      await stop();
    },
  };
}

describeLink("the simulated broker", async () => {
  const broker = simBroker({ clock: openSystemClock() });
  return {
    connect: async (clientId, will) => broker.connect(clientId, will),
    breakOff: (clientId) => broker.disconnect(clientId),
    restore: (clientId) => broker.reconnect(clientId),
    dispose: async () => {},
  };
});

describeLink("the embedded broker", async () => {
  const broker = await openBroker({ port: 0 });
  return behindProxies(broker.port, () => broker.close());
});

const missing = mosquittoMissing();
if (missing === undefined) {
  describeLink("mosquitto", async () => {
    const broker = await startMosquitto();
    return behindProxies(broker.port, () => broker.stop());
  });
} else {
  describe("Link on mosquitto", () => {
    test("keeps the contract", ({ skip }) => skip(missing));
  });
}

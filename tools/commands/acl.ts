// `sluice acl`: an access list for mosquitto that keeps every client to its own topics. What it says follows
// from firmware/protocol/topics.ts.

import {
  ANNOUNCEMENTS,
  announcementTopic,
  fromServiceTopic,
  parseTopic,
  proofsFilter,
  proofTopic,
  replyTopic,
  requestsFilter,
  requestTopic,
  toServiceTopic,
} from "../../firmware/protocol/topics.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { textsOption } from "../option-value.ts";

/** One and the same for all who buy: a consumer is whoever holds a certificate. */
const CONSUMERS = [
  `pattern read ${ANNOUNCEMENTS}`,
  `pattern write ${requestTopic("+", "%c")}`,
  `pattern write ${proofTopic("+", "%c")}`,
  `pattern read ${replyTopic("%c")}`,
];

const SETTINGS = [
  "per_listener_settings false",
  "listener 8883",
  "cafile ca.crt",
  "certfile broker.crt",
  "keyfile broker.key",
  "require_certificate true",
  "use_identity_as_username true",
  "allow_anonymous false",
  "acl_file sluice.acl",
];

export const acl: Command = {
  name: "acl",
  summary: "print an access list for mosquitto that keeps every client to its topics",
  usage: "--device ID [--device ID]... [--service NAME]... [--json]",
  help: `A device may announce itself, read what is asked of it and answer; everybody else may read
announcements, ask, and read the answers to his own connection. The settings that go into
mosquitto.conf stand at its head, as comments. Who is a device is decided by the user name: with
client certificates their common name (CN), with passwords the user; either is the device's id.
How to make the certificates: docs/brokers.md. A flow service that runs outside the devices hears
what they say to it, and answers; it is a user by the name that it was enrolled as.

  --device ID   a device that may sell there (repeatable): its id, from "sluice run"
  --service NAME  a flow service of theirs (repeatable): its name, from "sluice enrol"
  --json        one object of type acl with lines and settings

example: sluice acl --device 1uVXC5CVtR0 > /etc/mosquitto/sluice.acl`,
  options: {
    device: { type: "string", multiple: true },
    service: { type: "string", multiple: true },
  },
  positionalsMax: 0,
  run: printAcl,
};

async function printAcl({ values, out }: Invocation): Promise<ExitCode> {
  const devices = readDevices(textsOption(values, "device"));
  if (!devices.ok) {
    out.fault(devices.fault);
    return 2;
  }
  const services = readServices(textsOption(values, "service"));
  if (!services.ok) {
    out.fault(services.fault);
    return 2;
  }
  const lines = aclLines(devices.value, services.value);
  out.emit({ type: "acl", lines, settings: SETTINGS });
  for (const setting of SETTINGS) out.say(`# ${setting}`);
  for (const line of ["", ...lines]) out.say(line);
  return 0;
}

/** Lines of an acl_file. Devices that have no flow service elsewhere need no topics for them. */
export function aclLines(devices: readonly string[], services: readonly string[] = []): string[] {
  return [
    ...CONSUMERS,
    ...devices.flatMap((device) => [
      "",
      `user ${device}`,
      `topic write ${announcementTopic(device)}`,
      `topic read ${requestsFilter(device)}`,
      `topic read ${proofsFilter(device)}`,
      `topic write ${replyTopic("+")}`,
      ...(services.length === 0
        ? []
        : [
            `topic write ${toServiceTopic(device, "+")}`,
            `topic read ${fromServiceTopic(device, "+")}`,
          ]),
    ]),
    ...services.flatMap((service) => [
      "",
      `user ${service}`,
      `topic read ${toServiceTopic("+", service)}`,
      `topic write ${fromServiceTopic("+", service)}`,
    ]),
  ];
}

/** What is no id would be a line of its own in the list. Error: `usage`. */
function readDevices(ids: readonly string[]): Result<readonly string[]> {
  if (ids.length === 0) {
    return fail(
      "usage",
      'nobody could sell: name the devices, by the ids that "sluice run" prints',
      "--device",
    );
  }
  const wrong = ids.find((id) => parseTopic(announcementTopic(id)) === undefined);
  if (wrong === undefined) return ok([...new Set(ids)]);
  return fail(
    "usage",
    `${JSON.stringify(wrong)} is no device id: 11 letters, digits, - and _`,
    "--device",
  );
}

/** Error: `usage`. */
function readServices(names: readonly string[]): Result<readonly string[]> {
  const wrong = names.find((name) => parseTopic(toServiceTopic("AAAAAAAAAAA", name)) === undefined);
  if (wrong === undefined) return ok([...new Set(names)]);
  return fail(
    "usage",
    `${JSON.stringify(wrong)} is no name of a service: 11 characters, as "sluice enrol" prints it`,
    "--service",
  );
}

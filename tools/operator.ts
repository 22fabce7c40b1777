// An operator at the controls of a running device: its key, the device, and commands that are signed with the
// next number. The device that runs here is reached also when it does not announce itself.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../firmware/bytes.ts";
import type { Connection, Peer } from "../firmware/consumer/connection.ts";
import { type Action, signCommand } from "../firmware/producer/command.ts";
import type { Message } from "../firmware/protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../firmware/result.ts";
import { verifyCertificate } from "../firmware/token/certificate.ts";
import type { Signer } from "../hal/crypto.ts";
import { readBrokerState } from "../hal/linux/state-file.ts";
import type { Command, ExitCode, Invocation, Output } from "./command.ts";
import { type Buyer, CONSUMER_OPTIONS, refuse, withBuyer } from "./consumer.ts";
import { openDealer } from "./device-choice.ts";
import { readSmall } from "./key-files.ts";
import { readOperatorSigner } from "./operator-key.ts";
import { type OptionValues, textOption } from "./option-value.ts";
import { CERTIFICATE_FILE } from "./provisioning.ts";

const CERTIFICATE_BYTES_MAX = 1024;
/** Announcements are retained: a device that runs here, and announces itself, is heard of at once. */
const LOOK_MS = 250;
/** Another command may come in between: then ours is signed anew. */
const ATTEMPTS = 3;

// Whose device it is says the operator's own key: nobody else is trusted or pinned.
const { operator: _, "trust-new": __, ...REACH_OPTIONS } = CONSUMER_OPTIONS;

export const OPERATOR_OPTIONS: Command["options"] = {
  ...REACH_OPTIONS,
  to: { type: "string" },
  "operator-key": { type: "string" },
  "passphrase-file": { type: "string" },
};

export const OPERATOR_HELP = `  --to NAME|ID       which device (default: the one that runs here, else the only one there is)
  --operator-key FILE  private key of the device's operator (default: the one among the keys of the
                     device that runs here, as a bench has it)
  --passphrase-file FILE  the key's passphrase; else it is asked for
  --broker URL       where the device is; else SLUICE_BROKER, else the device that runs here
  --ca FILE          trust the broker's certificate if this CA signed it (PEM)
  --cert FILE --key FILE  your own certificate and its key, where the broker asks for one
  --identity DIR     your key on the wire; made at first use (default: ~/.local/state/sluice/consumer)
  --timeout SECONDS  how long to look for a device (default: 5)
  --json             one JSON object a line`;

export interface Operator {
  /** Id of the device. */
  device: string;
  /** The operator's public key, in hexadecimal digits. */
  key: string;
  values: OptionValues;
  out: Output;
  /** Carries it out; gives what the device answers. Errors: the device's own, `timed-out`. */
  do(action: Action): Promise<Result<Answer>>;
}

export type Answer = Readonly<Record<string, unknown>>;

interface Local {
  device: string;
  keys: string;
}

/** Reads key and options, opens everything, does the work, closes everything. Throws HalError. */
export async function withOperator<T>(
  invocation: Invocation,
  read: (values: OptionValues) => Result<T>,
  work: (operator: Operator, wanted: T) => Promise<Result<void>>,
): Promise<ExitCode> {
  const { values, out } = invocation;
  const local = localDevice(values);
  const path = keyPath(values, local);
  if (!path.ok) return refuse(out, path.fault);
  const wanted = read(values);
  if (!wanted.ok) return refuse(out, wanted.fault);
  const signer = await readOperatorSigner(path.value, out, textOption(values, "passphrase-file"));
  if (!signer.ok) return refuse(out, signer.fault);
  const operated = { ...values, operator: [toHex(signer.value.publicKey)] };
  return withBuyer({ ...invocation, values: operated }, ok, async (buyer) => {
    const peer = await reach(buyer, signer.value, local);
    if (!peer.ok) return wrongKey(peer, path.value);
    const { connection } = buyer.consumer;
    const { device } = peer.value;
    const operator: Operator = {
      device,
      key: toHex(signer.value.publicKey),
      values,
      out,
      do: (action) => command(connection, peer.value, signer.value, action),
    };
    const done = await work(operator, wanted.value);
    return done.ok ? done : wrongKey(done, path.value);
  });
}

/** The device that runs here, unless another one is asked for. */
function localDevice(values: OptionValues): Local | undefined {
  const state = readBrokerState();
  const to = textOption(values, "to");
  if (state?.keys === undefined || (to !== undefined && to !== state.deviceId)) return undefined;
  const elsewhere = values["broker"] !== undefined || (process.env["SLUICE_BROKER"] ?? "") !== "";
  return elsewhere ? undefined : { device: state.deviceId, keys: state.keys };
}

/** The operator's private key: as named, else as a bench has it among the keys of the device that runs here. Error: `usage`. */
export function keyPath(values: OptionValues, local?: { keys: string }): Result<string> {
  const given = textOption(values, "operator-key");
  if (given !== undefined) return ok(given);
  const keys = local?.keys ?? readBrokerState()?.keys;
  const path = keys === undefined ? undefined : join(keys, "operator.pem");
  if (path !== undefined && existsSync(path)) return ok(path);
  const where = path === undefined ? "no device runs here" : "it is not among the device's keys";
  return fail(
    "usage",
    `name the operator's private key with --operator-key FILE: ${where}`,
    "--operator-key",
  );
}

async function reach(
  buyer: Buyer,
  signer: Signer,
  local: Local | undefined,
): Promise<Result<Peer>> {
  if (local === undefined) {
    const dealer = await openDealer(buyer);
    return dealer.ok ? ok(dealer.value.peer) : dealer;
  }
  buyer.out.say(`device ${local.device} (the one that runs here)`);
  const path = join(local.keys, CERTIFICATE_FILE);
  const signed = readSmall(path, CERTIFICATE_BYTES_MAX);
  if (signed === undefined) return fail("not-found", `${path} does not exist`);
  const certificate = verifyCertificate(signed, signer.publicKey, buyer.crypto);
  if (!certificate.ok) return certificate;
  const { device, boxKey } = certificate.value;
  const peer = { device, boxKey, onPush: (): void => undefined };
  const filter = { id: device };
  const look = { timeoutMs: LOOK_MS, filter, enough: () => true };
  const found = await buyer.consumer.discover(look);
  if (!found.ok) return found;
  // Without an announcement a first frame goes amiss, and the device tells its epoch.
  return ok({ ...peer, epoch: found.value[0]?.verified?.epoch ?? 0 });
}

/** Says plainly that it is the key that is wrong. */
function wrongKey(refused: { ok: false; fault: Fault }, path: string): Result<never> {
  const { kind, at } = refused.fault;
  // The key of who commands is the right one: the key by which the grant was signed is another.
  if (at === "flow-grant") {
    const message = "the grant is not of this device's operator: enrol the service with his key";
    return fail(kind, message, "GRANT");
  }
  if (kind !== "untrusted" && kind !== "not-operator" && kind !== "signature") return refused;
  return fail(
    "not-operator",
    `${path} is not the key of this device's operator: name the right one with --operator-key`,
    "--operator-key",
  );
}

async function command(
  connection: Connection,
  peer: Peer,
  signer: Signer,
  action: Action,
): Promise<Result<Answer>> {
  let last: Result<Answer> = fail("operation-number", "somebody else commands it: try again");
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const next = await connection.request(peer, { is: "get-operation" });
    if (!next.ok) return next;
    if (next.value.is !== "operation") return odd(next.value);
    const atS = Math.floor(Date.now() / 1000);
    const { number } = next.value;
    const signed = signCommand({ device: peer.device, number, atS, action }, signer);
    if (!signed.ok) return signed;
    const reply = await connection.request(peer, { is: "operate", command: signed.value });
    if (reply.ok)
      return reply.value.is === "operated" ? parse(reply.value.answer) : odd(reply.value);
    last = reply;
    if (reply.fault.kind !== "operation-number") break;
  }
  return last;
}

function odd({ is }: Message): Result<never> {
  return fail("malformed", `the device answers with ${is}`);
}

function parse(answer: string | undefined): Result<Answer> {
  if (answer === undefined) return ok({});
  try {
    const value: unknown = JSON.parse(answer);
    if (typeof value === "object" && value !== null) return ok(value as Answer);
  } catch {
    // Answered below.
  }
  return fail("malformed", "the device's answer is no JSON");
}

// In the guest: a worker of the Vitest that runs outside (guest-pool.ts). Each message is its length and its bytes, on a
// port of the guest, and it ends with the other side.
//   guest-worker.mjs PORT

import { createReadStream, openSync, writeSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { init, runBaseTests, setupEnvironment } from "vitest/worker";

const HEADER_BYTES = 4;
const port = openSync(process.argv[2], "r+");
const listeners = new Set();
let unread = Buffer.alloc(0);

function post(message) {
  const body = serialize(message);
  const frame = Buffer.alloc(HEADER_BYTES + body.length);
  frame.writeUInt32LE(body.length);
  body.copy(frame, HEADER_BYTES);
  for (let at = 0; at < frame.length; ) at += writeSync(port, frame, at);
}

function hear(chunk) {
  unread = Buffer.concat([unread, chunk]);
  while (unread.length >= HEADER_BYTES) {
    const end = HEADER_BYTES + unread.readUInt32LE(0);
    if (unread.length < end) return;
    const message = deserialize(unread.subarray(HEADER_BYTES, end));
    unread = unread.subarray(end);
    for (const listener of listeners) listener(message);
  }
}

const { exit } = process;
init({
  post,
  on: (callback) => listeners.add(callback),
  off: (callback) => listeners.delete(callback),
  runTests: (state, traces) => runBaseTests("run", state, traces),
  collectTests: (state, traces) => runBaseTests("collect", state, traces),
  setup: setupEnvironment,
});
post("here");
createReadStream("", { fd: port })
  .on("data", hear)
  .on("close", () => exit(0));

// Pulses by another process, for measuring what the metering loop makes of them: each is stamped by the clock that all
// processes share and written to a named pipe, in the shape in which the kernel tells of an edge of a GPIO line. What a
// pipe has no room for is dropped, as the kernel drops it; the numbers go on, so that none is lost by that.
//   pulse-source-child.js PULSES_PER_SECOND PULSES_PER_LINE even|catch-up PIPE...
// `even`: never sooner after another than the rate says. `catch-up`: so many a second, whoever held it up.

import { closeSync, constants, openSync, writeSync } from "node:fs";

const EVENT_BYTES = 48;

interface Line {
  fd: number;
  generated: number;
  dropped: number;
  /** Of the last pulse there was no room to tell. */
  isBehind: boolean;
}

const [rate = 0, pulses = 0] = process.argv.slice(2, 4).map(Number);
const isEven = process.argv[4] === "even";
const lines = process.argv.slice(5).map((path): Line => {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return { fd, generated: 0, dropped: 0, isBehind: false };
});
const event = Buffer.alloc(EVENT_BYTES);
event.writeUInt32LE(1, 8);
const asleep = new Int32Array(new SharedArrayBuffer(4));

function send(line: Line): void {
  line.generated++;
  line.isBehind = !tell(line);
  if (line.isBehind) line.dropped++;
}

/** The newest pulse of the line, with its number. */
function tell(line: Line): boolean {
  event.writeUInt32LE(line.generated >>> 0, 16);
  event.writeUInt32LE(line.generated >>> 0, 20);
  event.writeBigUInt64LE(process.hrtime.bigint(), 0);
  try {
    writeSync(line.fd, event);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    return false;
  }
}

function sleepMs(ms: number): void {
  if (ms > 0) Atomics.wait(asleep, 0, 0, ms);
}

function sendEvenly(): void {
  const betweenMs = 1000 / rate;
  let nextMs = performance.now();
  for (let i = 0; i < pulses; i++) {
    sleepMs(nextMs - performance.now());
    nextMs = performance.now() + betweenMs;
    for (const line of lines) send(line);
  }
}

function sendAll(): void {
  const beganMs = performance.now();
  for (let sent = 0; sent < pulses; ) {
    const due = Math.floor(((performance.now() - beganMs) * rate) / 1000);
    if (due === sent) sleepMs(Math.min(1, 1000 / rate));
    for (; sent < Math.min(due, pulses); sent++) for (const line of lines) send(line);
  }
}

const startMs = performance.now();
if (isEven) sendEvenly();
else sendAll();
const seconds = (performance.now() - startMs) / 1000;
// The kernel drops the oldest, a pipe the newest: the last one has to come through.
for (const line of lines) while (line.isBehind && !tell(line)) sleepMs(1);
for (const { fd } of lines) closeSync(fd);
const generated = lines.map((line) => line.generated);
const dropped = lines.reduce((sum, line) => sum + line.dropped, 0);
process.stdout.write(`${JSON.stringify({ generated, dropped, seconds })}\n`);

// Many sales one after another, and what the device's two processes hold and have written when they are done.

import type { Buyer, TimedSale } from "./buyer.ts";
import { diskBytesWritten, proportionalMiB, residentMiB } from "./process-figures.ts";
import type { RunningDevice } from "./site.ts";

export interface Soak {
  /** Those that were timed. */
  sales: readonly TimedSale[];
  diskBytesPerSale: number;
  warm: Memory;
  /** After the timed ones. */
  timed: Memory;
  /** After all of them. */
  end: Memory;
  soakSales: number;
}

export interface Memory {
  rssMiB: number;
  loopRssMiB: number;
  pssSumMiB: number;
}

/** `tell` hears how many sales are done. */
export async function soak(
  buyer: Buyer,
  device: RunningDevice,
  url: string,
  counts: { warmUp: number; sales: number; soakSales: number },
  tell: (done: number) => void,
): Promise<Soak> {
  for (let i = 0; i < counts.warmUp; i++) await buyer.buy(url);
  const warm = memoryOf(device);
  const bytesBefore = diskBytesWritten(device.pid);
  const sales: TimedSale[] = [];
  while (sales.length < counts.sales) {
    sales.push(await buyer.buy(url));
    tell(sales.length);
  }
  const diskBytesPerSale = (diskBytesWritten(device.pid) - bytesBefore) / sales.length;
  const timed = memoryOf(device);
  const soakSales = Math.max(counts.soakSales, sales.length);
  for (let done = sales.length; done < soakSales; ) {
    await buyer.buy(url);
    tell(++done);
  }
  return { sales, diskBytesPerSale, warm, timed, end: memoryOf(device), soakSales };
}

export function memoryOf({ pid, loopPid }: RunningDevice): Memory {
  return {
    rssMiB: residentMiB(pid),
    loopRssMiB: residentMiB(loopPid),
    pssSumMiB: proportionalMiB(pid) + proportionalMiB(loopPid),
  };
}

// Writes a file so that it is there whole or not at all, also after a power cut: beside it first, then under its
// name, and the folder is synced as well.

import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

export interface WholeFile {
  content: string | Uint8Array;
  mode: number;
  /** Whether it may take the place of a file that exists. */
  over: boolean;
}

/** Folders that are missing are made, for their owner only. Throws the system's error: EEXIST where it may not be over. */
export function writeWholeFile(path: string, { content, mode, over }: WholeFile): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, "wx", mode);
    try {
      // Unlike writeSync, it goes on until all is written: a disk that is nearly full takes the first part.
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // Unlike rename, link refuses a name that is taken.
    if (over) renameSync(temporary, path);
    else linkSync(temporary, path);
    syncDirectory(dirname(path));
  } finally {
    rmSync(temporary, { force: true });
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

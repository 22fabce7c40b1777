// The files of the page, handed out to this computer alone: nothing else is reached by any path, and no other page may show,
// read or steer it.

import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".yaml": "text/plain; charset=utf-8",
};
const FILES_MAX = 500;

export interface PageFiles {
  /** By the path of a request. */
  files: ReadonlyMap<string, string>;
  /** Scenarios that ship: file names and their texts. */
  scenarios: ReadonlyMap<string, string>;
}

/** What is there now, by name; a folder that is not there has nothing in it. */
export function findPageFiles(pageFolder: string, scenarioFolder: string): PageFiles {
  const files = new Map<string, string>();
  for (const name of namesIn(pageFolder)) {
    if (extname(name) in TYPES) files.set(`/${name}`, join(pageFolder, name));
  }
  const index = files.get("/index.html");
  if (index !== undefined) files.set("/", index);
  const scenarios = new Map<string, string>();
  for (const name of namesIn(scenarioFolder)) {
    if (extname(name) !== ".yaml" || name.includes("/")) continue;
    const path = join(scenarioFolder, name);
    files.set(`/scenarios/${name}`, path);
    scenarios.set(name, readFileSync(path, "utf8"));
  }
  return { files, scenarios };
}

/** Of files, however deep. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        join(entry.parentPath, entry.name).slice(folder.replace(/\/$/, "").length + 1),
      )
      .sort()
      .slice(0, FILES_MAX);
  } catch {
    return [];
  }
}

/** Names of this computer only: a name that was made to point here (DNS rebinding) is none of them. */
function isHere(host: string | undefined): host is string {
  return host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/.test(host);
}

/** A browser always says which page opened a socket; what is no browser says nothing and is a program of this computer. */
export function mayEnter({ headers: { host, origin } }: IncomingMessage): boolean {
  return isHere(host) && (origin === undefined || origin === `http://${host}`);
}

export function servePage({ files }: PageFiles): RequestListener {
  return (request, response) => {
    const { host } = request.headers;
    if (!isHere(host)) return refuse(response, 421, "open it as http://127.0.0.1 or localhost");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(response, 405, "files are read here, and nothing else");
    }
    const [path = ""] = (request.url ?? "").split("?");
    const file = files.get(path);
    const type = TYPES[extname(file ?? "")];
    if (file === undefined || type === undefined) return refuse(response, 404, "no such file");
    const bytes = bytesOf(file);
    if (bytes === undefined) return refuse(response, 404, "built anew: start it again");
    response.writeHead(200, { ...guards(host), "content-type": type });
    response.end(request.method === "HEAD" ? undefined : bytes);
  };
}

/** Undefined where it has gone since: the page may be built anew meanwhile. */
function bytesOf(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Scripts and styles from here alone and none in line; sockets to here alone; in no frame of another page. */
function guards(host: string): Readonly<Record<string, string>> {
  return {
    "content-security-policy": [
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:",
      `connect-src 'self' ws://${host}`,
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ].join("; "),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
}

function refuse(response: ServerResponse, status: number, words: string): void {
  response.writeHead(status, {
    ...guards("127.0.0.1"),
    "content-type": "text/plain; charset=utf-8",
    connection: "close",
  });
  response.end(`${words}\n`);
}

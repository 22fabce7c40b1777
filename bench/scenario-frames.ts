// Everything that goes over the broker of a bench as one digest, by which a run is compared with another to the byte.

import { toHex, utf8 } from "../firmware/bytes.ts";
import type { Bench } from "./bench.ts";
import { crypto } from "./site.ts";

const DIGEST_BYTES = 32;

/** From now on; gives the digest so far: when each frame came, from whom, to which topic, and every byte of it. */
export function watchFrames(bench: Pick<Bench, "onPublish" | "world">): () => string {
  let digest: Uint8Array = new Uint8Array(DIGEST_BYTES);
  bench.onPublish(({ clientId, topic, payload, retain }) => {
    const head = utf8(`${bench.world.nowMs()} ${clientId} ${topic} ${retain}\n`);
    const all = new Uint8Array(DIGEST_BYTES + head.length + payload.length);
    all.set(digest);
    all.set(head, DIGEST_BYTES);
    all.set(payload, DIGEST_BYTES + head.length);
    digest = crypto.digest(all).slice(0, DIGEST_BYTES);
  });
  return () => toHex(digest);
}

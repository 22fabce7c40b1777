// The Crypto port of a consumer, with somebody looking on: the only place at which one can see which message is
// in which sealed frame. Costs two calls a message.

import type { Crypto } from "../../hal/crypto.ts";

export type Watcher = (direction: "sealed" | "opened", plain: Uint8Array, box: Uint8Array) => void;

export function watchCrypto(crypto: Crypto, watcher: Watcher): Crypto {
  return {
    ...crypto,
    seal: (message, nonce, sharedKey) => {
      const box = crypto.seal(message, nonce, sharedKey);
      watcher("sealed", message, box);
      return box;
    },
    open: (box, nonce, sharedKey) => {
      const plain = crypto.open(box, nonce, sharedKey);
      if (plain !== undefined) watcher("opened", plain, box);
      return plain;
    },
  };
}

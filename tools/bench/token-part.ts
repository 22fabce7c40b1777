// The part of the bench that signs and checks: delivery tokens, also among very many used ones, and the proofs of a
// streamed payment.

import type { Figure } from "./figure.ts";
import type { Part } from "./part.ts";
import { measurePreimage } from "./preimage.ts";
import { type Summary, single } from "./sample.ts";
import { timeTokens } from "./token-timing.ts";

export const tokenPart: Part = {
  name: "token",
  what: "signing and checking tokens, and proofs of a streamed payment",
  measure: async (counts, _site, tell) => {
    tell("signing and checking tokens");
    const { node, nacl, usedTokens, usedRatio } = timeTokens(counts.tokens, counts.usedTokens);
    tell(`${counts.proofs} proofs`);
    const proof = measurePreimage(counts.proofs);
    const us = (what: string, samples: Summary, more: Partial<Figure> = {}): Figure => {
      return { what, unit: "us", samples, ...more };
    };
    return {
      figures: [
        us("sign a token", node.sign, { key: "signUs" }),
        us("verify a token", node.verify, { key: "verifyUs", budget: 200 }),
        us("  bare Ed25519 sign", node.bareSign),
        us("  bare Ed25519 verify", node.bareVerify),
        us("sign a token with tweetnacl", nacl.sign),
        us("verify a token with tweetnacl", nacl.verify),
        {
          key: "verifyHistoryRatio",
          what: `verify and find, ${usedTokens} tokens used over 1`,
          unit: "ratio",
          samples: single(usedRatio),
          budget: 1.25,
        },
        us("check a proof, one unit ahead", proof, { key: "preimageCheckUs", budget: 3 }),
      ],
      tables: [],
    };
  },
};

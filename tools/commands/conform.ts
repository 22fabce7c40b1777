// `sluice conform`: anybody's test vectors through our core.

import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { Command } from "../command.ts";
import { runConform } from "../conform.ts";

export const conform: Command = {
  name: "conform",
  summary: "answer test vectors, one JSON object a line on standard input",
  usage: "< FILE",
  help: [
    "Reads one JSON object a line on standard input and answers one a line, in order:",
    '  {"op":"cbor.check","hex":"...","profile":"rfc8949" or "sluice"}',
    '  {"op":"ed25519.verify","publicKey":"...","message":"...","signature":"..."}',
    '  {"op":"sign1.verify","hex":"...","publicKey":"...","externalAad":"..."}',
    '  {"op":"cwt.claims","hex":"..."}',
    '  {"op":"amounts","call":"add","args":[...]}',
    '  {"op":"payword.verify","commitment":"...","proof":{"units":4,"link":"..."}}',
    '  {"op":"payword.claim","hex":"..."}',
    '  {"op":"flow.run","config":{...},"services":[...],"payment":{...}}',
    'Answers are {"ok":true,...} or {"ok":false,"kind":"..."}. More: docs/conform.md',
    "",
    "Example:",
    '  echo \'{"op":"cbor.check","hex":"1800"}\' | sluice conform',
  ].join("\n"),
  options: {},
  positionalsMax: 0,
  run: async () => {
    await runConform(process.stdin, process.stdout, openNodeCrypto());
    return 0;
  },
};

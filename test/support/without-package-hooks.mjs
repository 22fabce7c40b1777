// Module hooks of without-package.mjs: resolve and load of the stand-in.

const STAND_IN = "stand-in:";

/** Source of each stand-in; `real` is the address of the package itself. */
const SOURCES = {
  "cbor-x": () => `
    export class Encoder { encode() { gone(); } }
    export class Decoder { decode() { gone(); } }`,
  tweetnacl: (real) => `
    import nacl from ${JSON.stringify(real)};
    const calls = { before: gone, after: gone, open: Object.assign(() => gone(), { after: gone }) };
    export default { ...nacl, box: Object.assign(() => gone(), nacl.box, calls) };`,
  mqtt: () => `
    export class MqttClient { constructor() { gone(); } }`,
};

let taken = "";
let real = "";

export function initialize(data) {
  taken = data.taken;
  if (!(taken in SOURCES)) throw new Error(`there is no stand-in for ${taken}`);
}

export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  if (specifier !== taken) return resolved;
  real = resolved.url;
  return { url: `${STAND_IN}${taken}`, format: "module", shortCircuit: true };
}

export function load(url, context, next) {
  if (!url.startsWith(STAND_IN)) return next(url, context);
  const gone = `function gone() { throw new Error("taken out: ${taken}"); }`;
  return { format: "module", source: `${gone}\n${SOURCES[taken](real)}`, shortCircuit: true };
}

// Mistakes that somebody could make in a streamed sale, planted into the model one at a time: the search must find each.

import { unitsDue } from "../../firmware/consumer/stream-payer.ts";
import { limitPulses } from "../../firmware/producer/stream-seller.ts";
import type { Choice, Rules, Setting } from "./stream-model-rules.ts";

export interface StreamDefect {
  name: string;
  /** What the search says of it. */
  found: RegExp;
  /** One of these must find it. */
  choices: readonly Choice[];
  more?: Partial<Setting>;
  plant(rules: Rules, setting: Setting): Partial<Rules>;
}

const WINDOW: Choice = { step: 1, window: 1 };
const AHEAD: Choice = { step: 2, window: 0 };

export const STREAM_DEFECTS: readonly StreamDefect[] = [
  {
    name: "each session has a window of its own",
    found: /the seller risks/,
    choices: [WINDOW],
    plant: () => ({
      limit: (stream, unpaid) => limitPulses(stream) + unpaid,
      usesUnpaid: true,
    }),
  },
  {
    name: "the seller goes one unit past the window",
    found: /the seller risks/,
    choices: [WINDOW],
    plant: () => ({
      limit: (stream) => limitPulses({ ...stream, window: stream.window + 1 }),
    }),
  },
  {
    name: "an old proof takes the place of a later one",
    found: /the seller risks|charged above the proof/,
    choices: [WINDOW],
    plant: ({ judge }) => ({
      judge: (stream, units) => (units < stream.proved ? "good" : judge(stream, units)),
    }),
  },
  {
    name: "a proof that was counted on is not on disk",
    found: /the seller risks/,
    choices: [WINDOW],
    plant: () => ({ keepsProof: false }),
  },
  {
    name: "the loop has its grant before the disk has the reservation",
    found: /pulses forgotten/,
    choices: [WINDOW],
    plant: () => ({ reservesFirst: false }),
  },
  {
    name: "the payer lets go by what the seller says is proved",
    found: /the payer risks/,
    choices: [WINDOW],
    plant: () => ({
      due: ({ units, step, released }, _pulses, _isEnded, proved) =>
        Math.max(released, Math.min(proved + step, units)),
    }),
  },
  {
    name: "the payer lets go a step ahead though the seller has a window",
    found: /the payer risks/,
    choices: [WINDOW],
    plant: () => ({
      due: (stream, pulses, isEnded) => unitsDue({ ...stream, window: 0 }, pulses, isEnded),
    }),
  },
  {
    name: "the payer rounds a begun unit up before the session ends",
    found: /the payer risks/,
    choices: [WINDOW],
    plant: () => ({ due: (stream, pulses) => unitsDue(stream, pulses, true) }),
  },
  {
    name: "the payer lets nothing go ahead",
    found: /never complete/,
    choices: [AHEAD],
    plant: () => ({
      due: (stream, pulses, isEnded) =>
        unitsDue({ ...stream, window: Math.max(stream.window, stream.step) }, pulses, isEnded),
    }),
  },
  {
    name: "the seller takes no proof that skips one",
    found: /never complete/,
    choices: [{ step: 1, window: 2 }],
    plant: ({ judge }) => ({
      judge: (stream, units) =>
        units - stream.proved > stream.step ? "too-far" : judge(stream, units),
      judgeFirst: (stream, units) =>
        units - stream.proved > stream.step ? "too-far" : judge(stream, units),
    }),
  },
  {
    name: "the proof in begin is judged by the steps of this session and the one before",
    found: /never complete/,
    choices: [
      { step: 1, window: 0 },
      { step: 3, window: 0 },
    ],
    more: { units: 4, sessionsMax: 2 },
    plant: ({ judge }) => ({
      judgeFirst: (stream, units, before) =>
        judge({ ...stream, step: stream.step + before.step + before.window }, units),
    }),
  },
  {
    name: "a session that is joined goes on by the terms with which it was begun",
    found: /never complete/,
    choices: [
      { step: 1, window: 1 },
      { step: 3, window: 0 },
    ],
    more: { units: 3 },
    plant: () => ({ adoptsChoice: false }),
  },
];

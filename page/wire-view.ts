// Every frame on the wire; the one under the pointer, or focused, is decoded beside the list.

import type { App } from "./app.ts";
import { h, type Shape } from "./element.ts";
import type { FrameEvent } from "./picture.ts";
import { worldTime } from "./words.ts";

const HEX_MAX = 1_600;

export function wireView(app: App, board: string): Shape[] {
  const { frames, framesSeen, frameBytes } = app.picture.log(board);
  const shown = frames.find(({ seq }) => seq === app.chosen.frame) ?? frames[0];
  if (shown === undefined) {
    return [
      h(
        "p",
        { class: "dim" },
        "Nothing was on the wire since this page was opened: a walk-up sale needs no network. Buy from this page to see it.",
      ),
    ];
  }
  return [
    h(
      "p",
      { class: "dim" },
      `${framesSeen} frames, ${frameBytes} bytes so far. Point at one, or move with Tab, to read it.`,
    ),
    h(
      "div",
      { class: "wire" },
      h(
        "ol",
        { class: "frames", "aria-label": "frames, newest first" },
        frames.map((frame) => row(app, frame, shown)),
      ),
      decoded(shown),
    ),
  ];
}

function row(app: App, frame: FrameEvent, shown: FrameEvent): Shape {
  const { seq, atMs, from, kind, payload, retain } = frame;
  const look = (): void => {
    if (app.chosen.frame !== seq) app.choose({ frame: seq });
  };
  // A list that moves under a pointer that rests changes nothing.
  const point = (event: Event): void => {
    const { movementX, movementY } = event as MouseEvent;
    if (movementX !== 0 || movementY !== 0) look();
  };
  return h(
    "li",
    { key: seq },
    h(
      "button",
      {
        ...{ type: "button", class: "frame", "aria-pressed": String(shown === frame) },
        ...{ onmousemove: point, onfocus: look, onclick: look },
      },
      h("span", { class: "dim" }, worldTime(atMs)),
      h("span", { class: "kind" }, kind),
      h("span", { class: "dim from" }, `${from}${retain ? ", retained" : ""}`),
      h("span", { class: "size" }, `${payload.length / 2} B`),
    ),
  );
}

function decoded({ topic, opened, diagnostic, payload, kind }: FrameEvent): Shape {
  return h(
    "div",
    { class: "decoded", role: "region", "aria-label": "the frame decoded", tabindex: 0 },
    h("h4", {}, kind),
    h("p", { class: "topic" }, topic),
    opened !== undefined && [
      h("p", { class: "dim" }, "The message, opened with the keys of the bench:"),
      h("pre", { class: "opened" }, indented(opened)),
    ],
    h("p", { class: "dim" }, "On the wire, as CBOR:"),
    h("pre", { class: "diagnostic" }, diagnostic),
    h("details", {}, h("summary", {}, "Bytes"), h("pre", {}, spaced(payload))),
  );
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), undefined, 2);
  } catch {
    return json;
  }
}

function spaced(hex: string): string {
  const short = hex.slice(0, HEX_MAX);
  return `${short.replace(/(..)(?=.)/g, "$1 ")}${hex.length > HEX_MAX ? " ..." : ""}`;
}

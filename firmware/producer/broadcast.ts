// The device's announcement: retained, signed, sent again after each reconnect, withdrawn by an empty one when
// the broadcast stops. The link's will withdraws it too when the device is gone without a word.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Link, LinkWill } from "../../hal/link.ts";
import { announcementTopic } from "../protocol/topics.ts";

export interface Broadcast {
  /** For `durationMs`, or until stop() when it is undefined. Starting again begins the time anew. */
  start(announcement: Uint8Array, durationMs?: number): void;
  stop(): void;
  /** Another announcement in the place of the one that is out, if one is, for the time that is left. */
  renew(announcement: Uint8Array): void;
  running(): boolean;
  /** Call when the link is up again: the broker may have published the will meanwhile. */
  repeat(): void;
}

/** The will that a device's link is opened with. */
export function broadcastWill(device: string): LinkWill {
  return { topic: announcementTopic(device), payload: new Uint8Array(0) };
}

/** `changed` hears when the device begins to announce itself, and when it ends. */
export function openBroadcast(
  ports: { link: Link; clock: Clock; changed(announced: boolean): void },
  device: string,
): Broadcast {
  const { link, clock } = ports;
  const topic = announcementTopic(device);
  let announcement: Uint8Array | undefined;
  let timer: Timer | undefined;
  const publish = (payload: Uint8Array): void => link.publish(topic, payload, { retain: true });
  const stop = (): void => {
    timer?.cancel();
    timer = undefined;
    if (announcement === undefined) return;
    announcement = undefined;
    publish(new Uint8Array(0));
    ports.changed(false);
  };
  return {
    start: (signed, durationMs) => {
      timer?.cancel();
      timer = durationMs === undefined ? undefined : after(clock, durationMs, stop);
      const isNew = announcement === undefined;
      announcement = signed;
      publish(signed);
      if (isNew) ports.changed(true);
    },
    stop,
    renew: (signed) => {
      if (announcement === undefined) return;
      announcement = signed;
      publish(signed);
    },
    running: () => announcement !== undefined,
    repeat: () => {
      if (announcement !== undefined) publish(announcement);
    },
  };
}

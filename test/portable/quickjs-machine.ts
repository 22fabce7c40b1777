// One program in a QuickJS engine of its own, joined to the host's simulated time and broker; and its memory by the
// engine's own account, looked at whenever a message goes in or out.

import { newQuickJSWASMModule, type QuickJSContext, type QuickJSHandle } from "quickjs-emscripten";
import type { Timer } from "../../hal/clock.ts";
import type { Link } from "../../hal/link.ts";
import type { SimWorld } from "../../hal/sim/world.ts";
import type { PortableProgram, PortableSettings, Told } from "./host-calls.ts";

export interface MachineOptions {
  world: SimWorld;
  link: Link;
  /** A bundle, and the function in it that opens the program. */
  code: string;
  open: "openConsumerProgram" | "openProducerProgram";
  settings: PortableSettings;
  onTold(told: Told): void;
}

export interface MachineMemory {
  /** The highest that was seen, and what the code takes before anything runs. */
  peakBytes: number;
  loadedBytes: number;
  messages: number;
}

export interface Machine {
  start(): void;
  memory(): MachineMemory;
}

export async function openMachine(options: MachineOptions): Promise<Machine> {
  const engine = await newQuickJSWASMModule();
  return new QuickJsMachine(options, engine.newRuntime().newContext());
}

class QuickJsMachine implements Machine {
  readonly #options: MachineOptions;
  readonly #context: QuickJSContext;
  readonly #program: QuickJSHandle;
  readonly #loadedBytes: number;
  #peakBytes = 0;
  #messages = 0;
  #timer: Timer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;

  constructor(options: MachineOptions, context: QuickJSContext) {
    this.#options = options;
    this.#context = context;
    const { link, open, settings } = options;
    const module = context.unwrapResult(
      context.evalCode(options.code, `${open}.js`, { type: "module" }),
    );
    this.#drain();
    this.#loadedBytes = this.#sample();
    const opener = context.getProp(module, open);
    const host = this.#hostCalls();
    const given = context.newString(JSON.stringify(settings));
    this.#program = context.unwrapResult(
      context.callFunction(opener, context.undefined, host, given),
    );
    for (const handle of [module, opener, host, given]) handle.dispose();
    link.onMessage(({ topic, payload, retained }) => this.#arrive(topic, payload, retained));
    link.onState((connected) => this.#call("connected", connected ? context.true : context.false));
  }

  start(): void {
    this.#call("start");
  }

  memory(): MachineMemory {
    return {
      ...{ peakBytes: this.#peakBytes, loadedBytes: this.#loadedBytes },
      messages: this.#messages,
    };
  }

  #hostCalls(): QuickJSHandle {
    const context = this.#context;
    const { world, link, onTold } = this.#options;
    const calls: Record<string, (...given: QuickJSHandle[]) => QuickJSHandle | undefined> = {
      nowMs: () => context.newNumber(world.nowMs()),
      wallMs: () => context.newNumber(world.clock.wallMs()),
      publish: (topic, payload, retain) => {
        this.#messageSeen();
        link.publish(text(context, topic), bytesOf(context, payload), {
          retain: context.dump(retain as QuickJSHandle) === true,
        });
        return undefined;
      },
      subscribe: (filter) => {
        const wanted = text(context, filter);
        void link.subscribe(wanted).then(() => {
          this.#call("granted", context.newString(wanted));
        });
        return undefined;
      },
      tell: (line) => {
        onTold(JSON.parse(text(context, line)) as Told);
        return undefined;
      },
    };
    const host = context.newObject();
    for (const [name, call] of Object.entries(calls)) {
      context
        .newFunction(name, (...given) => call(...given) ?? context.undefined)
        .consume((made) => context.setProp(host, name, made));
    }
    return host;
  }

  #arrive(topic: string, payload: Uint8Array, retained: boolean): void {
    const context = this.#context;
    const bytes = payload.slice().buffer;
    const is = retained ? context.true : context.false;
    this.#call("arrive", context.newString(topic), context.newArrayBuffer(bytes), is);
    this.#messageSeen();
  }

  #call(name: keyof PortableProgram, ...given: QuickJSHandle[]): QuickJSHandle {
    const context = this.#context;
    const method = context.getProp(this.#program, name);
    const answer = context.unwrapResult(context.callFunction(method, this.#program, ...given));
    for (const handle of [method, ...given]) handle.dispose();
    this.#drain();
    if (name !== "nextMs") this.#arm();
    return answer;
  }

  /** Every promise callback that can run. */
  #drain(): void {
    const { runtime } = this.#context;
    while (runtime.hasPendingJob()) this.#context.unwrapResult(runtime.executePendingJobs());
  }

  #arm(): void {
    const { world } = this.#options;
    const nextMs = this.#context.getNumber(this.#call("nextMs"));
    if (nextMs === this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = nextMs;
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = world.at(nextMs, () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#call("wake");
    });
  }

  #messageSeen(): void {
    this.#messages++;
    this.#sample();
  }

  #sample(): number {
    const [, used] =
      /^memory used +\d+ +(\d+)/m.exec(this.#context.runtime.dumpMemoryUsage()) ?? [];
    if (used === undefined) throw new Error("QuickJS says nothing of the memory used");
    this.#peakBytes = Math.max(this.#peakBytes, Number(used));
    return Number(used);
  }
}

function text(context: QuickJSContext, handle: QuickJSHandle | undefined): string {
  return handle === undefined ? "" : context.getString(handle);
}

function bytesOf(context: QuickJSContext, handle: QuickJSHandle | undefined): Uint8Array {
  if (handle === undefined) return new Uint8Array();
  return context.getArrayBuffer(handle).consume(({ value }) => value.slice());
}

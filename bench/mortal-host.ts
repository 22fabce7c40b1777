// A payment host as the programs of the bench see it, which may die while it answers; and what ends them.

import type { PaymentHost } from "../hal/payment-host.ts";

/** The payment host as a program sees it that may die: a dead one calls nothing and hears nothing. */
export function mortal(host: PaymentHost, alive: () => boolean): PaymentHost {
  const never = <T>(): Promise<T> => new Promise(() => undefined);
  const hear = async <T>(answer: Promise<T>): Promise<T> => {
    const value = await answer;
    return alive() ? value : never<T>();
  };
  const guard =
    <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      alive() ? hear(call(...args)) : never<T>();
  return {
    canQuery: host.canQuery,
    publicKey: host.publicKey,
    simulated: host.simulated,
    ...(host.trouble !== undefined && { trouble: (amount) => host.trouble?.(amount) }),
    tokenise: guard((...args) => host.tokenise(...args)),
    authorise: guard((...args) => host.authorise(...args)),
    capture: guard((...args) => host.capture(...args)),
    refund: guard((...args) => host.refund(...args)),
    reverse: guard((...args) => host.reverse(...args)),
    ...(host.closeBatch !== undefined && {
      closeBatch: guard((attempt: string) => host.closeBatch?.(attempt) ?? never()),
    }),
    query: guard((...args) => host.query(...args)),
    onLateAnswer: (listener) => {
      host.onLateAnswer((attempt, answer) => {
        if (alive()) listener(attempt, answer);
      });
    },
  };
}

/** Ends a start-up that the power left. */
export class PowerCut extends Error {}

/** Requests to a worker of ours and its answers, from the page's side: they end when it does. */

/** The reason why a request is not answered: the worker is gone. */
export class WorkerEnded extends Error {}

/** A request without its number. */
export type Asked<Request> = Request extends { readonly id: number } ? Omit<Request, "id"> : never;

/** A reply to the request of this number. */
export type WorkerReply<Answer> = { readonly id: number } & (Answer | { readonly failure: string });

/** A worker that is asked. */
export interface WorkerCalls<Request, Answer> {
  /** The reason why the worker is gone, once it is. */
  readonly ended: Error | undefined;
  /**
   * @param moved memory that is the worker's from then on
   * @throws WorkerEnded where it is gone, or goes before it answers
   */
  ask(asked: Asked<Request>, moved?: readonly ArrayBuffer[]): Promise<Answer>;
  end(reason: Error): void;
}

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts a worker and asks it to open.
 *
 * @param made where bundlers see it, `new Worker` with the address of its script
 * @param opening the first request, by the name of a lock that the worker is to hold as long as it lives; undefined where the
 *   browser has none
 * @param signal ends the worker, whatever it does
 * @throws WorkerEnded where no worker can be started here
 */
export async function startedCalls<Request extends { readonly id: number }, Answer extends object>(
  made: () => Worker,
  opening: (lock: string | undefined) => Asked<Request>,
  signal?: AbortSignal,
): Promise<WorkerCalls<Request, Answer>> {
  const waiting = new Map<number, Waiting<Answer>>();
  const watching = new AbortController();
  let ended: Error | undefined;
  let nextId = 0;
  let worker: Worker | undefined;

  const end = (reason: Error): void => {
    if (ended) return;
    ended = reason;
    watching.abort();
    worker?.terminate();
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  };
  signal?.addEventListener("abort", () => end(new WorkerEnded("the worker was ended")), { once: true });

  const ask = (asked: Asked<Request>, moved: readonly ArrayBuffer[] = []): Promise<Answer> => {
    if (ended) return Promise.reject(ended);
    const request = { ...asked, id: nextId++ };
    return new Promise((resolve, reject) => {
      waiting.set(request.id, { resolve, reject });
      worker!.postMessage(request, [...moved]);
    });
  };

  try {
    worker = made();
  } catch (cause) {
    throw new WorkerEnded(`the page may not start it (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  worker.onmessage = ({ data }: MessageEvent<WorkerReply<Answer>>) => {
    const request = waiting.get(data.id);
    waiting.delete(data.id);
    if ("failure" in data) request?.reject(new Error(data.failure));
    else request?.resolve(data as Answer);
  };
  // A script that is not there, or an error that nobody catches: what it would answer may never come.
  worker.onerror = ({ message }) => end(new WorkerEnded(message || "its script cannot be loaded"));
  // An answer that cannot be read is an answer that never comes.
  worker.onmessageerror = () => end(new WorkerEnded("its answer cannot be read"));

  // Locks are for pages of https and this machine.
  const locks = navigator.locks as LockManager | undefined;
  const lock = locks ? `innerloop worker ${crypto.randomUUID()}` : undefined;
  try {
    await ask(opening(lock));
  } catch (error) {
    end(error as Error);
    throw error;
  }
  // Nothing tells a page that a worker was killed, but the lock that it held.
  if (locks && lock !== undefined)
    locks
      .request(lock, { signal: watching.signal }, () => end(new WorkerEnded("it was killed, or closed itself")))
      .catch(() => undefined);

  return {
    get ended() {
      return ended;
    },
    ask,
    end,
  };
}

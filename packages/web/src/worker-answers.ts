/** Answers of a worker of ours to the requests of its page, which `worker-calls.ts` sends. */
import type { TypedArray } from "@innerloop/graph";
import type { WorkerReply } from "./worker-calls.js";

/** What of a worker's global scope is used; the types of TypeScript for it exclude those of a page. */
interface WorkerScope<Request, Answer> {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(message: WorkerReply<Answer>, transfer: readonly Transferable[]): void;
}

/**
 * Answers each request once, by a reply of the same number.
 *
 * @param arraysOf the arrays of an answer, which are fresh: they move to the page without a copy
 */
export function answerRequests<Request extends { readonly id: number }, Answer extends object>(
  answer: (request: Request) => Promise<Answer>,
  arraysOf: (answered: Answer) => readonly TypedArray[],
): void {
  const scope = globalThis as unknown as WorkerScope<Request, Answer>;
  const reply = async (request: Request): Promise<void> => {
    try {
      const answered = await answer(request);
      const buffers = new Set(arraysOf(answered).map((array) => array.buffer as ArrayBuffer));
      scope.postMessage({ id: request.id, ...answered }, [...buffers]);
    } catch (error) {
      scope.postMessage({ id: request.id, failure: error instanceof Error ? error.message : String(error) }, []);
    }
  };
  scope.onmessage = ({ data }) => {
    void reply(data);
  };
}

/** Resolves once this worker has the lock, which nothing but its end gives back. */
export function held(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const forever = (): Promise<never> => {
      resolve();
      return new Promise(() => undefined);
    };
    navigator.locks.request(name, forever).catch(reject);
  });
}

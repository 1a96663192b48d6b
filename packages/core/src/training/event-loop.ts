/** One turn of the event loop: messages to other threads that were about to be sent are sent. */
export const eventLoopTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { setImmediate } = globalThis as { readonly setImmediate?: (callback: () => void) => unknown };
    if (setImmediate) {
      setImmediate(resolve);
      return;
    }
    // Browsers' timers wait for milliseconds; messages do not.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });

/** Server-sent events to those who watch: the whole state of a thing whenever it has changed. */

const heartbeatMs = 10_000;
/** Of events that a client has not read yet; who is slower is dropped and connects anew. */
const queuedBytesMax = 1_000_000;

export interface Watcher {
  /** Sends an event; false = the stream is over. */
  send(name: string, data: unknown): boolean;
  close(): void;
}

/**
 * A stream as the body of an answer. `begin` gets the way to send and returns what to call at its
 * end; `mayGoOn` is asked before each beat of its heart.
 */
export function eventStream(
  begin: (watcher: Watcher) => () => void,
  mayGoOn: () => boolean,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let close = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let isOpen = true;
        const write = (text: string) => {
          if (!isOpen) return false;
          if ((controller.desiredSize ?? 0) <= 0) {
            close();
            return false;
          }
          controller.enqueue(encoder.encode(text));
          return true;
        };
        const heart = setInterval(() => {
          if (!mayGoOn()) close();
          else write(": beat\n\n");
        }, heartbeatMs);
        heart.unref();
        let ended = () => {};
        close = () => {
          if (!isOpen) return;
          isOpen = false;
          clearInterval(heart);
          ended();
          try {
            controller.close();
          } catch {
            // The client has closed it.
          }
        };
        ended = begin({
          send: (name, data) => write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`),
          close,
        });
        if (!isOpen) ended();
      },
      cancel() {
        close();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: queuedBytesMax }),
  );
}

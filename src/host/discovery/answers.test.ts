import { expect, test } from "bun:test";
import type { Resource } from "../../wire/discovery.ts";
import { AnswerQueue } from "./answers.ts";

const address = (data: string): Resource => ({
  name: "box.local",
  type: "A",
  ttl: 120,
  flush: true,
  data,
});

/** A queue, and what it has sent with the times. */
function watched() {
  const sent: { readonly answers: Resource[]; readonly atMs: number }[] = [];
  let wake = () => {};
  const queue = new AnswerQueue((answers) => {
    sent.push({ answers, atMs: performance.now() });
    wake();
  });
  const until = async (count: number) => {
    while (sent.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { queue, sent, until };
}

const alone = { isShared: false, isProbe: false };

test("answers that wait leave together, those that others may give too a moment later", async () => {
  const { queue, sent, until } = watched();
  const startedMs = performance.now();
  queue.add([address("192.0.2.1")], { isShared: true, isProbe: false });
  queue.add([address("192.0.2.2")], alone);
  await until(2);
  expect(sent.map(({ answers }) => answers.length)).toEqual([1, 1]);
  expect(sent[0]?.answers).toEqual([address("192.0.2.2")]);
  expect((sent[1]?.atMs as number) - startedMs).toBeGreaterThanOrEqual(19);
  queue.clear();
});

test("however many ask, an answer is sent once a second, and to a prober four times", async () => {
  const { queue, sent, until } = watched();
  queue.add([address("192.0.2.1"), address("192.0.2.2")], alone);
  await until(1);
  for (let asked = 0; asked < 1000; asked++) queue.add([address("192.0.2.1")], alone);
  queue.add([address("192.0.2.2")], { isShared: false, isProbe: true });
  await until(3);
  const gaps = sent.slice(1).map(({ atMs }) => Math.round(atMs - (sent[0]?.atMs as number)));
  expect(sent[1]?.answers).toEqual([address("192.0.2.2")]);
  expect(gaps[0]).toBeWithin(249, 900);
  expect(gaps[1]).toBeWithin(999, 2000);
  queue.clear();
});

test("what waits is forgotten when it is cleared", async () => {
  const { queue, sent, until } = watched();
  queue.add([address("192.0.2.1")], { isShared: true, isProbe: false });
  queue.clear();
  queue.add([address("192.0.2.2")], alone);
  await until(1);
  expect(sent[0]?.answers).toEqual([address("192.0.2.2")]);
  queue.clear();
});

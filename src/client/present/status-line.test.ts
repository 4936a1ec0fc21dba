import { expect, test } from "bun:test";
import { noticeMs, StatusLine } from "./status-line.ts";

test("a question stands before what was said, and that for its time before the figures", () => {
  let [shown, nowMs] = ["", 0];
  const line = new StatusLine(
    (text) => {
      shown = text;
    },
    () => nowMs,
  );
  line.setFigures("60 fps");
  expect(shown).toBe("60 fps");
  line.say("said");
  expect(shown).toBe("said");
  line.setQuestion("asked?");
  line.setFigures("59 fps");
  expect(shown).toBe("asked?");
  line.setQuestion(undefined);
  expect(shown).toBe("said");
  nowMs = noticeMs - 1;
  line.setFigures("58 fps");
  expect(shown).toBe("said");
  nowMs = noticeMs;
  line.setFigures("57 fps");
  expect(shown).toBe("57 fps");
});

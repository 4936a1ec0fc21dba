import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { PfError } from "./errors.ts";
import { createState, readState, stateFolder, updateState, writeState } from "./state.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-state-"));
});
afterAll(() => rm(folder, { recursive: true }));

const schema = z.object({ version: z.literal(1), count: z.number() });
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

async function errorOf(promise: Promise<unknown>): Promise<PfError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(PfError);
  return thrown as PfError;
}

test("PUNKTFUNK_HOME overrides the XDG folders, which override the home folder", () => {
  const home = { HOME: "/home/x" };
  expect(stateFolder("config", home)).toBe("/home/x/.config/punktfunk");
  expect(stateFolder("data", home)).toBe("/home/x/.local/share/punktfunk");
  expect(stateFolder("state", home)).toBe("/home/x/.local/state/punktfunk");
  expect(stateFolder("data", { ...home, XDG_DATA_HOME: "/d" })).toBe("/d/punktfunk");
  expect(stateFolder("data", { ...home, XDG_DATA_HOME: "relative" })).toContain("/home/x");
  const all = { ...home, XDG_DATA_HOME: "/d", PUNKTFUNK_HOME: "/p" };
  expect(stateFolder("data", all)).toBe("/p/data");
});

test("what is written is read again, by its owner alone", async () => {
  const path = join(folder, "new", "file.json");
  expect(await readState(path, schema)).toBeUndefined();
  await writeState(path, { version: 1, count: 3 });
  expect(await readState(path, schema)).toEqual({ version: 1, count: 3 });
  expect(await modeOf(path)).toBe("600");
  expect(await modeOf(join(folder, "new"))).toBe("700");
  expect(await readdir(join(folder, "new"))).toEqual(["file.json"]);
});

test.each(["", "{", '{"version":2,"count":1}', '{"version":1}', "[]", "null"])(
  "a file that holds %p is named, and left as it is",
  async (text) => {
    const path = join(folder, "damaged.json");
    await writeFile(path, text);
    const error = await errorOf(readState(path, schema));
    expect(error.code).toBe("PF_STATE_INVALID");
    expect(error.message).toContain(path);
    expect(error.hint).toContain("move it away");
    await errorOf(updateState(path, schema, () => ({ version: 1 as const, count: 0 })));
    expect(await readFile(path, "utf8")).toBe(text);
  },
);

test("of many that create a file one wins, and all read the same", async () => {
  const path = join(folder, "created.json");
  const attempts = Array.from({ length: 20 }, (_, count) =>
    createState(path, { version: 1, count }),
  );
  const won = await Promise.all(attempts);
  expect(won.filter(Boolean).length).toBe(1);
  expect((await readState(path, schema))?.count).toBe(won.indexOf(true));
});

test("no change of many at once is lost", async () => {
  const path = join(folder, "counted.json");
  const raise = () =>
    updateState(path, schema, (current) => ({
      version: 1 as const,
      count: (current?.count ?? 0) + 1,
    }));
  await Promise.all(Array.from({ length: 30 }, raise));
  expect((await readState(path, schema))?.count).toBe(30);
});

test("the lock of a process that died is taken over", async () => {
  const path = join(folder, "locked.json");
  await writeFile(`${path}.lock`, "");
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(`${path}.lock`, longAgo, longAgo);
  await updateState(path, schema, () => ({ version: 1 as const, count: 1 }));
  expect((await readState(path, schema))?.count).toBe(1);
});

test("a folder that can't be written is named with what to do", async () => {
  const path = join(folder, "file-in-the-way", "state.json");
  await writeFile(join(folder, "file-in-the-way"), "");
  await chmod(join(folder, "file-in-the-way"), 0o400);
  const error = await errorOf(writeState(path, {}));
  expect(error.code).toBe("PF_STATE_INVALID");
  expect(error.hint).toContain("PUNKTFUNK_HOME");
});

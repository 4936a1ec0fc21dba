import { expect, test } from "bun:test";
import { importsOf, importViolations } from "./imports.ts";
import { sourceFiles } from "./tree.ts";

test("every way to import is seen: values, types, re-exports, at run time, for their effect", () => {
  const source = `
    // import "./comment.ts"
    import value from "./value.ts";
    import type { A } from "./type.ts";
    import type Default from "./default-type.ts";
    import {
      type B,
      type C,
    } from "./inline-type.ts";
    export type { D } from "./export-type.ts";
    export type Alias = number;
    export * from "./export.ts";
    import "./effect.ts";
    const later = await import("./later.ts");
    let typed: import("./typed.ts").T;
    new Worker(new URL("./worker.ts", import.meta.url));
    const text = 'import "./string.ts"';
  `;
  expect(importsOf(source).sort()).toEqual([
    "./default-type.ts",
    "./effect.ts",
    "./export-type.ts",
    "./export.ts",
    "./inline-type.ts",
    "./later.ts",
    "./type.ts",
    "./typed.ts",
    "./value.ts",
    "./worker.ts",
  ]);
});

const breaks = (path: string, specifier: string) =>
  importViolations(path, `import { x } from "${specifier}"; x();`).length > 0;

test("imports run one way, and host and client never meet", () => {
  expect(breaks("src/cli/commands/serve.ts", "../../host/host.ts")).toBe(false);
  expect(breaks("src/harness/link.ts", "../client/session.ts")).toBe(false);
  expect(breaks("src/host/session.ts", "../wire/limits.ts")).toBe(false);
  expect(breaks("src/host/session.ts", "./policy/parity.ts")).toBe(false);
  expect(breaks("src/host/session.ts", "../client/session.ts")).toBe(true);
  expect(breaks("src/client/session.ts", "../host/session.ts")).toBe(true);
  expect(breaks("src/host/session.ts", "../cli/output.ts")).toBe(true);
  expect(breaks("src/console/page/api.ts", "../../wire/management.ts")).toBe(false);
  expect(breaks("src/console/page/api.ts", "../../transport/quic.ts")).toBe(true);
  expect(breaks("src/base/units.ts", "../wire/limits.ts")).toBe(true);
  expect(breaks("src/wire/media.ts", "../ffi/library.ts")).toBe(true);
  expect(breaks("src/transport/control.ts", "../ffi/library.ts")).toBe(true);
  expect(breaks("src/host/session.ts", "../../packaging/check.ts")).toBe(true);
  expect(breaks("tools/latency-probe/main.ts", "../../src/host/host.ts")).toBe(false);
});

test("a type-only import breaks the rule as any other does", () => {
  const source = 'import type { Session } from "../client/session.ts"; export type T = Session;';
  expect(importViolations("src/host/session.ts", source)).toHaveLength(1);
});

test("only src/ffi touches bun:ffi", () => {
  expect(breaks("src/ffi/library.ts", "bun:ffi")).toBe(false);
  expect(breaks("src/host/session.ts", "bun:ffi")).toBe(true);
  expect(breaks("tools/latency-probe/main.ts", "bun:ffi")).toBe(true);
});

test("a new folder in src has to be given its place", () => {
  expect(breaks("src/helpers/x.ts", "../base/units.ts")).toBe(true);
});

test("the tree keeps the rule", async () => {
  const files = await sourceFiles(/\.ts$/);
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap(({ path, text }) => importViolations(path, text))).toEqual([]);
});

import { expect, test } from "bun:test";
import { consoleAssets, scriptBytesMax } from "./assets.ts";

test("the page loads less than 100 kB of script, and is built once", async () => {
  const assets = await consoleAssets();
  expect(await consoleAssets()).toBe(assets);
  const scripts = [...assets.values()].filter(({ type }) => type.includes("javascript"));
  const bytes = scripts.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(scriptBytesMax);
});

test("everything that the page names is served beside it, and nothing comes from elsewhere", async () => {
  const assets = await consoleAssets();
  const page = String(assets.get("/")?.body);
  const named = [...page.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map((match) => match[1] ?? "");
  expect(named.sort()).toEqual([...assets.keys()].filter((path) => path !== "/").sort());
  for (const [path, { body }] of assets) {
    const namespaces = /http:\/\/www\.w3\.org\/(2000\/svg|1998\/Math\/MathML)/g;
    expect(String(body).replace(namespaces, "")).not.toMatch(/https?:\/\/|url\(|@import/);
    expect([path, /<script>|<style|\sstyle=|\son\w+="/.test(page)]).toEqual([path, false]);
  }
});

test("each file has its own tag, in quotation marks", async () => {
  const tags = [...(await consoleAssets()).values()].map(({ etag }) => etag);
  expect(new Set(tags).size).toBe(tags.length);
  for (const tag of tags) expect(tag).toMatch(/^"[\w-]{22}"$/);
});

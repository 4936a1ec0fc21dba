import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { launchBrowser, openPage } from "../../src/console/browser.testing.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const url = `file://${join(import.meta.dir, "glass.html")}`;

/** The strip as it is on the screen: 1 for each white cell. Read from a copy, made for reading. */
async function stripOf(page: Page): Promise<string> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector("canvas");
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const isWhite = (cell) => {
      const [x, y] = [(canvas.width * (cell + 0.5)) / 16, canvas.height * 0.85].map(Math.floor);
      return context.getImageData(x, y, 1, 1).data[0] > 128;
    };
    return Array.from({ length: 16 }, (_, cell) => (isWhite(cell) ? "1" : "0")).join("");
  })()`);
}

test("the timer runs, tells its rate, and stands still when it is told to", async () => {
  await using opened = await openPage(browser, url);
  const { page, faults } = opened;
  await page.getByText(/^[\d.]+ Hz, \d+ frames drawn, \d+ missed$/).waitFor();
  await page.keyboard.press(" ");
  await page.getByRole("button", { name: "Go on" }).waitFor();
  const strip = await stripOf(page);
  expect(strip).toContain("1");
  await page.setViewportSize({ width: 1000, height: 900 });
  await page.waitForFunction("document.querySelector('canvas').width < 1000");
  expect(await stripOf(page)).toBe(strip);
  await page.keyboard.press(" ");
  await page.getByRole("button", { name: "Pause" }).waitFor();
  while ((await stripOf(page)) === strip);
  expect(faults).toEqual([]);
});

test("two strips that were read give their difference, also over the turn of the count, and who asked for less motion starts the timer themselves", async () => {
  await using opened = await openPage(browser, url, { reducedMotion: true, width: 390 });
  const { page, faults } = opened;
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await page.getByText("Read a photograph").click();
  const gray = (value: number) => (value ^ (value >> 1)).toString(2).padStart(16, "0");
  const read = async (host: number, client: number) => {
    await page.getByLabel("Strip on the host's screen").fill(gray(host));
    await page.getByLabel("Strip on the client's screen").fill(gray(client));
    return page.locator("output").textContent();
  };
  expect(await read(12_345, 12_320)).toBe("host 12345, client 12320: the client is 25 ms behind");
  expect(await read(5, 65_530)).toEndWith("11 ms behind");
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  expect(faults).toEqual([]);
});

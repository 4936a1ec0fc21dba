/** The operator's page in a real browser, with the program behind it as people run it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { goTo, launchBrowser, openPage, type WatchedPage } from "../console/browser.testing.ts";
import { Program, startHostProgram } from "../harness/program.ts";
import { TestDevice } from "../harness/trust-ends.ts";

let home: string;
let browser: Browser;
let host: Awaited<ReturnType<typeof startHostProgram>>;
let opened: WatchedPage;
let page: Page;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-console-"));
  const args = ["--source", "synthetic", "--encoder", "software", "--max-probe", "20M"];
  [browser, host] = await Promise.all([
    launchBrowser(),
    startHostProgram(home, args, { trust: "required" }),
  ]);
  const ready = await host.program.line("ready");
  opened = await openPage(browser, `https://localhost:${ready?.["mgmtPort"]}/`);
  page = opened.page;
});

afterAll(async () => {
  await browser.close();
  await host.program.end();
  await rm(home, { recursive: true, force: true });
});

const byButton = (name: string | RegExp) => page.getByRole("button", { name });
const notice = (text: string | RegExp) => page.locator("#notices").getByText(text);
const accept = (name: string) => page.getByRole("dialog").getByRole("button", { name }).click();
/** A file of the host's state. */
const kept = async (path: string) =>
  (await Bun.file(join(home, "host", path)).json()) as Record<string, unknown>;

/** A client that nobody knows yet, and that waits for an operator. */
function startClient(folder: string): Program {
  return new Program(
    [
      ...["connect", `127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint, "--wait"],
      ...["--present", "none", "--mode", "640x360@60", "--json"],
    ],
    { home: join(home, folder) },
  );
}

test("the token of the host's machine signs in, and sets a password that does so later", async () => {
  await page.getByText("No password is set yet").waitFor();
  const { token } = await kept("data/management-token.json");
  await page.getByLabel("Token").fill(String(token));
  await page.keyboard.press("Enter");
  await goTo(page, "Settings");
  await page.getByLabel("New password").fill("a long password");
  await byButton("Set password").click();
  await notice("The password is set.").waitFor();
  await byButton("Sign out").click();
  await page.getByLabel("Password").fill("not the password");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("The password is not right.").waitFor();
  await page.getByLabel("Password").fill("a long password");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  await page.locator(".host").getByText("harness").waitFor();
});

test("a device pairs by the PIN that the page shows", async () => {
  await goTo(page, "Devices");
  // The first start has armed a window; a new one has a new PIN.
  await byButton("Withdraw the PIN").click();
  await byButton("Show a PIN").click();
  const halves = page.locator(".pin [aria-hidden]");
  await halves.first().waitFor();
  const pin = (await halves.allTextContents()).join("");
  expect(pin).toMatch(/^\d{6}$/);
  await page.getByRole("img", { name: "QR code" }).waitFor();
  expect(await new TestDevice().pairByPin(host, pin, "<b>Tablet</b>")).toBe("paired");
  await page.getByRole("status").getByText("A device gave the right PIN and is paired.").waitFor();
  await page.getByRole("listitem", { name: "<b>Tablet</b>" }).waitFor();
});

test("a client is approved on the page, streams with live figures, tests its path and is revoked", async () => {
  const client = startClient("television");
  const card = page.getByRole("list", { name: "Devices that wait" }).getByRole("listitem");
  const awaited = await client.line("approval-awaited");
  const shown = (await card.locator(".fingerprint").textContent())?.replaceAll(" ", "");
  expect(shown).toBe(String(awaited?.["fingerprint"]));
  const name = (await card.getByRole("heading").textContent()) ?? "";
  await card.getByLabel("Level").selectOption("play");
  await byButton(`Approve ${name}`).click();
  await notice(/is paired, with the level play\.$/).waitFor();

  await goTo(page, "Sessions");
  const session = page.getByRole("article", { name });
  await session.getByText(/level play$/).waitFor();
  // This client decodes, but shows nothing.
  const rates =
    /^Frames a second, now: Captured [1-9].*, Sent [1-9].*, Presented (0|not measured)$/;
  await session.getByRole("img", { name: rates }).waitFor();
  await session.getByRole("img", { name: /Network \d.*, Decode \d/ }).waitFor();
  await session.getByRole("img", { name: /^Packets lost, now: Lost \d/ }).waitFor();
  await session.locator(".series-bitrate.line[d*=L]").waitFor();
  await session.getByText("Figures as a table").click();
  const row = session.getByRole("row", { name: "Encode" });
  for (const cell of await row.getByRole("cell").allTextContents()) {
    expect(cell).toMatch(/^[\d.]+ (µs|ms)$/);
  }

  await goTo(page, "Settings");
  await byButton("Start the test").click();
  await page.getByText(/^Trying [\d.]+ Mbps: .* came through/).waitFor();
  await page.locator(".outcome").getByText("The test's own limit held it back").waitFor();
  await byButton("Use recommended bitrate").click();
  await notice(/^The usual bitrate is [\d.]+ Mbps now/).waitFor();

  await goTo(page, "Devices");
  await byButton(`Revoke ${name}`).click();
  await accept("Revoke");
  const revokedAt = performance.now();
  expect(await client.exited).not.toBe(0);
  expect(performance.now() - revokedAt).toBeLessThan(3000);
  expect(client.lines.find(({ type }) => type === "error")?.["message"]).toContain(
    "no longer paired",
  );
  await goTo(page, "Sessions");
  await page.getByText("Nobody is connected.").waitFor();
});

test("a client that is denied goes away", async () => {
  await goTo(page, "Devices");
  const client = startClient("stranger");
  await client.line("approval-awaited");
  await page.getByRole("button", { name: /^Deny / }).click();
  await notice(/was sent away\.$/).waitFor();
  expect(await client.exited).toBe(5);
});

test("settings hold for later starts", async () => {
  await goTo(page, "Settings");
  await page.getByRole("spinbutton", { name: "Usual bitrate" }).fill("12.5");
  await page.getByLabel("Sessions at once").fill("3");
  await byButton(/^Save$/).click();
  await notice("The settings are saved and in force.").waitFor();
  expect(await kept("config/settings.json")).toMatchObject({
    bitrateKbpsDefault: 12_500,
    sessionsMax: 3,
  });
});

test("the log tells what happened, and the page kept to its policy", async () => {
  await goTo(page, "Log");
  await page.getByRole("log").getByText("<b>Tablet</b>").first().waitFor();
  await page.getByLabel("Info").uncheck();
  expect(opened.faults).toEqual([]);
});

test("a host that ends is missed", async () => {
  await host.program.end();
  await page.getByText("The connection to the host is lost").first().waitFor();
});

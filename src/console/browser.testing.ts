/** The console in a real headless Chromium. */
import { type Browser, chromium, type Page } from "playwright-core";

export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
  readonly reducedMotion?: boolean;
  /** Signs in by it, as if it had been pasted. */
  readonly token?: string;
}

export async function launchBrowser(): Promise<Browser> {
  const path = Bun.which("chromium") ?? Bun.which("chromium-browser");
  if (path === null) throw new Error("Chromium is not installed; its Debian package is chromium.");
  return chromium.launch({ executablePath: path });
}

/** A page of its own, and what went wrong in it: errors, and breaches of the content policy among them. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  readonly faults: string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  view: View = {},
): Promise<WatchedPage> {
  const { width = 1280, height = 900, scheme = "light", reducedMotion = false, token } = view;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: reducedMotion ? "reduce" : "no-preference",
    ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    // That a request was refused is told there too; the page tells it to the reader.
    const isRefusal = message.text().startsWith("Failed to load resource");
    const isFault = message.type() === "error" || message.type() === "warning";
    if (isFault && !isRefusal) faults.push(message.text());
  });
  if (token !== undefined) {
    const words = JSON.stringify(token);
    await page.addInitScript(
      `if (location.protocol !== "about:") sessionStorage.setItem("punktfunk-token", ${words})`,
    );
  }
  await page.goto(url);
  return { page, faults, [Symbol.asyncDispose]: () => context.close() };
}

export const sections = ["Sessions", "Devices", "Settings", "Log"] as const;

/** Goes to a section by the navigation. */
export async function goTo(page: Page, section: (typeof sections)[number]): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name: section }).click();
  await page.getByRole("heading", { level: 2, name: section }).waitFor();
}

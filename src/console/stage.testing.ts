/** A browser with two pages, and a host for each test: what tests of the console begin with. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import type { Browser, Locator, Page } from "playwright-core";
import { launchBrowser, openPage, type WatchedPage } from "./browser.testing.ts";
import { ownerToken, TestHost } from "./host.testing.ts";

export class Stage {
  #browser: Browser | undefined;
  #host: TestHost | undefined;
  /** Pages of somebody who is not signed in, and of the owner. A host's port is an origin anew. */
  #visitor: WatchedPage | undefined;
  #owner: WatchedPage | undefined;
  #page: Page | undefined;

  /** Sets itself up for the tests of the file that calls it. */
  constructor() {
    beforeAll(async () => {
      this.#browser = await launchBrowser();
      this.#visitor = await openPage(this.#browser, "about:blank");
      this.#owner = await openPage(this.#browser, "about:blank", { token: ownerToken });
    });
    afterAll(() => this.browser.close());
    beforeEach(() => {
      this.#host = new TestHost();
    });
    afterEach(async () => {
      if (!this.page.isClosed()) await this.page.goto("about:blank");
      await this.host.close();
      const pages = [this.#visitor, this.#owner];
      expect(pages.flatMap((each) => each?.faults.splice(0))).toEqual([]);
    });
  }

  get browser(): Browser {
    return there(this.#browser);
  }

  get host(): TestHost {
    return there(this.#host);
  }

  get page(): Page {
    return there(this.#page);
  }

  set page(page: Page) {
    this.#page = page;
  }

  /** Opens the console as somebody who is not signed in. */
  async visit(): Promise<void> {
    this.page = there(this.#visitor).page;
    await this.page.goto(this.host.url);
  }

  /** Opens the console as the owner. */
  async enter(): Promise<void> {
    this.page = there(this.#owner).page;
    await this.page.goto(this.host.url);
    await this.page.getByRole("heading", { name: "Sessions" }).waitFor();
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", { name });
  }

  notice(text: string): Locator {
    return this.page.locator("#notices").getByText(text);
  }

  /** What the console asked the host to change last. */
  get lastChange(): TestHost["changes"][number] | undefined {
    return this.host.changes.at(-1);
  }

  /** Resolves when something holds that the console brings about a moment later. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await this.page.waitForTimeout(10);
  }
}

function there<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error("That is there only while a test runs.");
  return thing;
}

// A browser for people of both sides: signs in, watches what pages load and say, and judges what can be judged of
// every page. Chromium is Debian's; playwright-core only drives it.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const PASSWORD = "sandbox-password";
export const PEOPLE = {
  ada: "ada.account@contoso.example",
  alex: "alex.admin@contoso.example",
  uma: "uma.user@contoso.example",
  fay: "fay.admin@fabrikam.example",
  mia: "mia.admin@microsoft.example",
};

export function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

/** Starts the browser. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.LIAISON_CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });

/** A window of one person, which notes everything that must not happen. */
export class Seat {
  static async open(browser, origin, options = {}) {
    const context = await browser.newContext({
      baseURL: origin, viewport: { width: 1280, height: 900 }, locale: "en-GB", acceptDownloads: true, ...options,
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const seat = new Seat(context, page, origin);
    page.on("request", (request) => {
      const { protocol, origin: asked } = new URL(request.url());
      if (asked !== origin && !["data:", "blob:"].includes(protocol)) seat.faults.push(`asked ${request.url()}`);
    });
    page.on("console", (message) => {
      // A refusal that a walk provokes is told by the browser too.
      if (message.type() === "error" && !message.text().includes("Failed to load resource")) {
        seat.faults.push(`console: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => seat.faults.push(`script: ${error}`));
    page.on("dialog", (dialog) => {
      if (dialog.type() === "alert" || dialog.type() === "prompt") seat.faults.push(`dialog: ${dialog.message()}`);
      dialog.accept().catch(() => {});
    });
    return seat;
  }

  constructor(context, page, origin) {
    Object.assign(this, { context, page, origin, faults: [] });
  }

  /** Signs in through the page of the issuer. */
  async signIn(person, password = PASSWORD) {
    await this.page.goto("/");
    await this.page.locator("#username").fill(person);
    await this.page.locator("#password").fill(password);
    await this.page.locator("form button").first().click();
    await this.page.waitForURL((url) => ["/", "/administration"].includes(url.pathname));
    return this;
  }

  /** Fails when something happened that must not. */
  ensureClean(where) {
    ensure(this.faults.length === 0, `${where}: ${this.faults.join("; ")}`);
  }

  async close() {
    this.ensureClean("at the end");
    await this.context.close();
  }

  /** Has axe judge the page that is open, with the rules of WCAG 2.2 AA. */
  async judge(where) {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() =>
      globalThis.axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        resultTypes: ["violations"],
      }));
    const told = violations.map((it) =>
      `${it.id} (${it.impact}): ${it.help}\n      ${it.nodes.slice(0, 4).map((node) => `${node.target}: ${node.html.slice(0, 160)}`).join("\n      ")}`);
    ensure(told.length === 0, `${where}: axe finds\n    ${told.join("\n    ")}`);
    const wide = await this.page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return "";
      const out = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > width + 1);
      return out.slice(0, 3).map((it) => it.outerHTML.slice(0, 120)).join(" … ");
    });
    ensure(!wide, `${where}: the page is wider than its window: ${wide}`);
    this.ensureClean(where);
  }
}

/** Runs named steps, and leaves a picture of the first that fails. */
export async function walk(name, seats, folder, steps) {
  const started = Date.now();
  try {
    await steps();
  } catch (error) {
    for (const [index, seat] of seats().entries()) {
      await seat.page.screenshot({ path: `${folder}/${name.replaceAll(" ", "-")}-${index}.png` }).catch(() => {});
      console.error(`  ${seat.page.url()}`);
    }
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  console.log(`${name}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

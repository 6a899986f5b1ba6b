// Debian's Chromium, driven by playwright-core.
import { chromium } from "playwright-core";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
if (!executablePath) throw new Error("no Chromium: scripts/setup.sh test installs it, or say where it is with CHROMIUM");

/** A machine that builds beside the tests is slow; what never comes is told all the same. */
export const PATIENCE_MS = 20_000;

/** It talks to nobody but the server under test. */
const QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"];

export async function open() {
  // Chromium's sandbox does not start as root.
  const args = process.getuid?.() === 0 ? [...QUIET, "--no-sandbox"] : QUIET;
  return chromium.launch({ executablePath, args });
}

let failures = 0;
/** What is open shows how a test that failed ended: it is kept, and closed. */
export async function pictures(browser) {
  for (const context of browser?.contexts() ?? []) {
    for (const page of context.pages()) {
      const path = fileURLToPath(new URL(`../../.cache/page-failure-${++failures}.png`, import.meta.url));
      await page.screenshot({ path, timeout: 3000 }).then(() => console.log(`# what it looked like: ${path}`), () => {});
    }
    await context.close();
  }
}

/** A page that fails the test when its own script fails or breaks its content policy. */
export async function visit(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && /Content Security Policy|Uncaught/.test(text)) wrong.push(text);
  });
  await page.goto(url);
  page.assertFine = () => {
    if (wrong.length > 0) throw new Error(`the page's script went wrong: ${wrong.join("; ")}`);
  };
  return page;
}

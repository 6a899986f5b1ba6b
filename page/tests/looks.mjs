// Dark and light, phone width, speed.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { shot } from "./shots.mjs";

export const SCREENS = () => ["instances", `instances/${shared.gate.id}/source`, `instances/${shared.gate.id}/analytics`, `instances/${shared.gate.id}/export`, `instances/${shared.gate.id}/advanced`,
  "integrations", "schemas/event-intrusion", "events", "system", "system/users", "system/audit", "system/log"];

/** Opens a screen and waits until it has what it asked for. */
export async function settled(page, screen) {
  await page.goto(`${shared.server.url}#/${screen}`);
  await page.locator("main h1, main h2").first().waitFor({ state: "attached" });
  await page.locator("main [aria-busy]").first().waitFor({ state: "detached" });
}

test("dark and light follow the system's choice", async () => {
  const colours = {};
  for (const colorScheme of ["dark", "light"]) {
    const page = await visit(shared.browser, shared.server.url, { colorScheme });
    colours[colorScheme] = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number)[0]);
    if (colorScheme === "dark") {
      await page.goto(`${shared.server.url}#/instances/${shared.gate.id}/export`);
      await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
      await shot(page, "dark");
    }
    await page.context().close();
  }
  assert.ok(colours.dark < 60 && colours.light > 200, JSON.stringify(colours));
});

/** Nothing of it is beside the screen. */
async function narrow(page, what, selector) {
  const found = await page.locator(selector).first().evaluate((whole) => {
    const inside = (element) => element.closest(".scroll, .data, .tabs, pre, svg, .away, nav, .skip");
    const culprit = [whole, ...whole.querySelectorAll("*")].find((element) => {
      const { left, right } = element.getBoundingClientRect();
      return !inside(element) && (right > innerWidth + 1 || left < -1);
    });
    return { wide: Math.max(document.documentElement.scrollWidth, whole.scrollWidth), culprit: culprit?.outerHTML.slice(0, 120) };
  });
  assert.ok(found.wide <= 361 && !found.culprit, `${what} is ${found.wide} wide: ${found.culprit}`);
}

test("at phone width every screen is one column and nothing is cut off", async () => {
  const page = await visit(shared.browser, shared.server.url, { viewport: { width: 360, height: 740 }, hasTouch: true });
  for (const screen of SCREENS()) {
    await settled(page, screen);
    await narrow(page, screen, "body");
  }
  await page.goto(`${shared.server.url}#/instances`);
  await page.getByRole("button", { name: "More of Gate" }).click();
  await narrow(page, "menu of an instance", "[role=menu]");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "+ Add instance" }).click();
  await narrow(page, "Add instance", "dialog");
  await page.keyboard.press("Escape");
  await shared.server.api("POST", `/api/v1/instances/${shared.gate.id}/exporters/JSONExport/switch`, { to: "on" });
  await page.goto(`${shared.server.url}#/instances/${shared.gate.id}/export`);
  await page.getByRole("button", { name: "More of JSONExport" }).click();
  await narrow(page, "menu of an exporter", "[role=menu]");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "+ Add custom export option" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("narrow");
  await dialog.getByRole("radio", { name: /^Event records/ }).check();
  await dialog.getByRole("radio", { name: /^MQTT/ }).check();
  await dialog.getByText("MQTT settings").waitFor();
  await narrow(page, "export option", "dialog");
  await dialog.getByRole("button", { name: "Discard" }).click();
  await page.goto(`${shared.server.url}#/instances/${shared.gate.id}/export`);
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  await page.evaluate(() => scrollTo(0, 0));
  await shot(page, "phone");
  page.assertFine();
  await page.context().close();
});

test("a menu at the end of the window opens upwards, and all of it is in sight", async () => {
  const page = await visit(shared.browser, `${shared.server.url}#/instances/${shared.gate.id}/export`, { viewport: { width: 1280, height: 640 } });
  const button = page.locator('[data-export="all my events"]').getByRole("button", { name: "More of all my events" });
  await button.waitFor();
  // As low as it goes.
  await button.evaluate((element) => element.scrollIntoView({ block: "end" }));
  await button.click();
  const box = await page.getByRole("menu").boundingBox();
  assert.ok(box.y >= 0 && box.y + box.height <= 640, JSON.stringify(box));
  await page.context().close();
});

test("the first script is under 100 kB gzip, and the player is not in it", async () => {
  const { outputs, script, early } = JSON.parse(await readFile(new URL("../../.cache/page-meta.json", import.meta.url), "utf8"));
  const first = [script, ...early];
  let size = 0;
  for (const file of first) size += gzipSync(await readFile(new URL(`../${file}`, import.meta.url))).length;
  assert.ok(size < 100_000, `${size} bytes`);
  const inputs = first.flatMap((file) => Object.keys(outputs[file].inputs));
  assert.ok(!inputs.some((input) => /live\/(frames|picture)|hls/.test(input)), "the player comes when a picture is opened");
  console.log(`# first script: ${size} bytes gzip`);
});

test("interactive within a second", async () => {
  const page = await visit(shared.browser, shared.server.url);
  const ms = [];
  for (let n = 0; n < 3; n++) {
    const began = Date.now();
    await page.goto(`${shared.server.url}?${n}`);
    // Something can be done: the list is there and its button works.
    await page.getByRole("button", { name: "Set up Gate" }).waitFor();
    ms.push(Date.now() - began);
  }
  console.log(`# interactive after ${ms.join(", ")} ms`);
  assert.ok(Math.min(...ms) < 1000, `${ms.join(", ")} ms`);
  await page.context().close();
});

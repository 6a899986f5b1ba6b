// Keyboard only, screen readers, axe-core.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { cable } from "./cable.mjs";
import { SCREENS, settled } from "./looks.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent);

async function serious(page, where) {
  // Around the content policy, as a browser's own tools are.
  await page.evaluate(axe);
  // What differs in the dark are colours.
  const only = where.endsWith("dark") ? { runOnly: ["color-contrast"] } : {};
  const { violations } = await page.evaluate((only) => globalThis.axe.run(document, { resultTypes: ["violations"], ...only }), only);
  const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(bad.map(({ id, nodes }) => `${where}: ${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 140)).join(" | ")}`), []);
}

test("axe-core finds nothing serious on any screen, dark and light, nor in the dialogs", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await visit(shared.browser, shared.server.url, { colorScheme });
    // All colours are on these.
    const screens = colorScheme === "light" ? SCREENS() : SCREENS().filter((screen) => /instances|integrations|events/.test(screen) && !/source|advanced/.test(screen));
    for (const screen of screens) {
      await settled(page, screen);
      await serious(page, `${screen} ${colorScheme}`);
    }
    await page.goto(`${shared.server.url}#/instances`);
    await page.getByRole("button", { name: "+ Add instance" }).click();
    await serious(page, `Add instance ${colorScheme}`);
    await page.keyboard.press("Escape");
    await page.goto(`${shared.server.url}#/instances/${shared.gate.id}/export`);
    await page.getByRole("button", { name: "+ Add custom export option" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("radio", { name: /^Event records/ }).check();
    await dialog.getByRole("radio", { name: /^MQTT/ }).check();
    await dialog.getByText("MQTT settings").waitFor();
    await serious(page, `export option ${colorScheme}`);
    await page.context().close();
  }
});

test("axe-core finds nothing serious in what opens from a row, in the settings of an area, nor while the connection is lost", async () => {
  const { server, gate } = shared;
  await server.api("PUT", `/api/v1/instances/${gate.id}/exports/looked%20at`, { uri: "hls://", sink: "output-image", config: { resolution: { width: 320, height: 240 } } });
  const way = await cable(server.port);
  const page = await visit(shared.browser, `${way.url}#/instances`);
  await page.getByRole("button", { name: "Import" }).click();
  await serious(page, "Import");
  await page.keyboard.press("Escape");
  await page.goto(`${way.url}#/instances/${gate.id}/export`);
  const row = page.locator('[data-export="looked at"]');
  for (const item of ["Last deliveries and errors", "Dead letters", "Duplicate…", "Apply to other instances…"]) {
    await row.getByRole("button", { name: "More of looked at" }).click();
    await serious(page, "menu of an export");
    await page.getByRole("menuitem", { name: item }).click();
    await page.getByRole("dialog").locator("[aria-busy]").first().waitFor({ state: "detached" });
    await serious(page, item);
    await page.keyboard.press("Escape");
  }
  for (const name of ["Watch looked at", "Delete looked at"]) {
    await row.getByRole("button", { name }).click();
    await page.getByRole("dialog").waitFor();
    await serious(page, name);
    await page.keyboard.press("Escape");
  }
  await page.getByRole("tab", { name: "Analytics" }).click();
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "Forecourt area" }).click();
  await page.getByText("More: sizes, anchor, delays").click();
  await serious(page, "settings of an area");
  await page.goto(`${way.url}#/events`);
  await page.locator('[data-live="live"]').waitFor();
  way.cut();
  await page.locator('[data-live="lost"]').waitFor();
  await page.locator(".stale").waitFor({ timeout: 30_000 });
  await serious(page, "connection lost");
  await server.api("DELETE", `/api/v1/instances/${gate.id}/exports/looked%20at`);
  page.assertFine();
  await page.context().close();
  way.close();
});

test("by keyboard only: dialogs hold focus and give it back, menus and tabs walk by arrows", async () => {
  const page = await visit(shared.browser, shared.server.url);
  await page.locator('[data-instance="Gate"]').waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "To the content", "the first stop leads past the bar");
  for (let n = 0; n < 20 && (await focused(page)) !== "+ Add instance"; n++) await page.keyboard.press("Tab");
  assert.equal(await focused(page), "+ Add instance");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let n = 0; n < 25; n++) {
    await page.keyboard.press("Tab");
    // The browser's own bar may be next; the page behind may not.
    assert.ok(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement?.closest("dialog")), "focus stays in the dialog");
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(page), "+ Add instance", "focus is back");
  await page.getByRole("button", { name: "More of Gate" }).focus();
  await page.keyboard.press("Enter");
  await until(3000, "the menu has focus", async () => (await focused(page)) === "Restart");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page), "Exports");
  await page.keyboard.press("Enter");
  const tab = page.getByRole("tab", { name: "Export" });
  await until(5000, "the Export tab", async () => (await tab.getAttribute("aria-selected")) === "true");
  await tab.focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.getByRole("tab", { name: "Analytics" }).getAttribute("aria-selected"), "true");
  page.assertFine();
  await page.context().close();
});

test("by keyboard only: an export option is made and saved", async () => {
  const { server, gate } = shared;
  const page = await visit(shared.browser, `${server.url}#/instances/${gate.id}/export`);
  await page.getByRole("button", { name: "+ Add custom export option" }).waitFor();
  const is = (what) => page.evaluate((what) => {
    const { name, value, textContent } = document.activeElement;
    return Object.entries(what).every(([key, wanted]) => ({ name, value, text: textContent }[key] === wanted));
  }, what);
  const go = async (key, what) => {
    for (let n = 0; n < 80 && !(await is(what)); n++) await page.keyboard.press(key);
    assert.ok(await is(what), `${key} leads to ${JSON.stringify(what)}`);
  };
  await go("Tab", { text: "+ Add custom export option" });
  await page.keyboard.press("Enter");
  await until(5000, "the name is where one types", () => page.evaluate(() => document.activeElement.labels?.[0]?.textContent === "Name"));
  await page.keyboard.type("by keys");
  await go("Tab", { name: "data" });
  await go("ArrowDown", { name: "data", value: "output-tracks" });
  await go("Tab", { name: "format" });
  await page.keyboard.press("Space");
  const save = page.getByRole("button", { name: "Save", exact: true });
  await until(10_000, "it may be saved", () => save.isEnabled());
  await go("Tab", { text: "Save" });
  await page.keyboard.press("Enter");
  await page.locator('[data-export="by keys"]').waitFor();
  await server.api("DELETE", `/api/v1/instances/${gate.id}/exports/by%20keys`);
  page.assertFine();
  await page.context().close();
});

test("screen readers hear a change of state once, and no tick of a counter", async () => {
  const page = await visit(shared.browser, shared.server.url);
  const row = page.locator('[data-instance="Yard"]');
  await row.waitFor();
  await page.evaluate(() => {
    globalThis.heard = [];
    const live = document.querySelector("[aria-live=polite]");
    new MutationObserver(() => live.textContent && globalThis.heard.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
  });
  const stop = row.getByRole("button", { name: "Stop Yard" });
  if (await stop.count()) await stop.click();
  else await row.getByRole("button", { name: "Start Yard" }).click();
  const heard = await until(10_000, "something is said", async () => {
    const all = await page.evaluate(() => globalThis.heard);
    return all.some((text) => /Yard is (stopped|starting|running)/.test(text)) && all;
  });
  // Two more looks at the list, the second of which was asked for after what was heard.
  for (let n = 0; n < 2; n++) await page.waitForResponse((response) => new URL(response.url()).pathname === "/api/v1/instances", { timeout: 30_000 });
  const later = await page.evaluate(() => globalThis.heard);
  const times = later.filter((text) => text === heard.find((one) => /Yard is/.test(one))).length;
  assert.equal(times, 1, later.join(" | "));
  await page.context().close();
});

test("by keyboard: whatever has focus is seen to have it, and the order is that of the screen", async () => {
  const page = await visit(shared.browser, shared.server.url);
  for (const screen of ["instances", `instances/${shared.gate.id}/export`, "events", "system/users"]) {
    await settled(page, screen);
    // Begin at the bar's end: the bar is the same everywhere.
    await page.getByRole("link", { name: "System", exact: true }).focus();
    let before = -Infinity;
    for (let n = 0; n < 12; n++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const element = document.activeElement;
        // A file's button shows its label's.
        const shown = element.closest(".button") ?? element;
        const { outlineStyle, outlineWidth } = getComputedStyle(shown);
        const all = [...document.querySelectorAll("*")];
        return { what: element.outerHTML.slice(0, 100), body: element === document.body, place: all.indexOf(element), seen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 };
      });
      // Behind the last there is the browser's own bar.
      if (at.body) break;
      assert.ok(at.seen, `${screen}: ${at.what} shows no focus`);
      assert.ok(at.place > before, `${screen}: ${at.what} comes out of order`);
      before = at.place;
    }
  }
  page.assertFine();
  await page.context().close();
});

// An area and a line, drawn on the live picture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";
import { shot } from "./shots.mjs";

const document = () => shared.server.api("GET", `/api/v1/instances/${shared.gate.id}/document`);
const named = (map, name) => Object.values(map ?? {}).find((entry) => entry.name === name);

async function opened() {
  const page = await visit(shared.browser, `${shared.server.url}#/instances/${shared.gate.id}/analytics`);
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  const svg = page.locator(".picture svg");
  const box = await svg.boundingBox();
  return { page, svg, at: (x, y) => ({ x: box.x + x * box.width, y: box.y + y * box.height }) };
}

test("an area and a line are drawn on the live picture: click points, double click ends, drag a handle, undo, save", async () => {
  const { page, at } = await opened();
  const click = async (x, y, options) => { const point = at(x, y); await page.mouse.click(point.x, point.y, options); };
  await page.getByRole("button", { name: "+ Area" }).click();
  await click(0.3, 0.55);
  await click(0.55, 0.55);
  await click(0.55, 0.9);
  await click(0.3, 0.9);
  await click(0.25, 0.7, { clickCount: 2 });
  const settings = page.getByRole("region", { name: /Settings of Area/ });
  await settings.getByLabel("Name").fill("Lawn");
  // Drag the first corner.
  const from = at(0.3, 0.55), to = at(0.35, 0.6);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x - 5, to.y - 5, { steps: 4 });
  await page.mouse.move(to.x, to.y);
  await page.mouse.up();
  await page.getByRole("button", { name: "+ Line" }).click();
  await click(0.6, 0.2);
  await click(0.6, 0.8);
  await page.getByRole("region", { name: /Settings of Line/ }).getByLabel("Name").fill("Kerb");
  await page.locator("[data-dry]:not(.old)").waitFor();
  await shot(page, "analytics");
  await page.getByRole("button", { name: "Save" }).click();
  await until(8000, "both are saved", async () => { const { Zone, Tripwire } = await document(); return named(Zone.Zones, "Lawn") && named(Tripwire.Tripwires, "Kerb"); });
  const { Zone, Tripwire } = await document();
  const { vertices, trigger_on_enter } = named(Zone.Zones, "Lawn");
  assert.equal(vertices.length, 5, "four corners and the one of the double click");
  assert.ok(Math.abs(vertices[0].x - 0.35) < 0.02 && Math.abs(vertices[0].y - 0.6) < 0.02, `the dragged corner is at ${JSON.stringify(vertices[0])}`);
  assert.equal(trigger_on_enter, true);
  assert.equal(named(Tripwire.Tripwires, "Kerb").vertices.length, 2);
  assert.ok(named(Zone.Zones, "Forecourt"), "what was there is untouched");
  page.assertFine();
  await page.context().close();
});

test("Esc cancels, arrows nudge, Delete removes, undo brings back", async () => {
  const { page, at } = await opened();
  await page.getByRole("button", { name: "+ Area" }).click();
  const point = at(0.1, 0.8);
  await page.mouse.click(point.x, point.y);
  await page.keyboard.press("Escape");
  await page.getByText("a double click ends the area").waitFor({ state: "detached" });
  const before = named((await document()).Zone.Zones, "Lawn").vertices[0].x;
  await page.getByRole("button", { name: "Lawn area" }).click();
  await page.getByRole("button", { name: /^Point 1 of Lawn/ }).focus();
  for (let n = 0; n < 4; n++) await page.keyboard.press("ArrowRight");
  await page.getByRole("button", { name: "Save" }).click();
  await until(8000, "it has moved", async () => Math.abs(named((await document()).Zone.Zones, "Lawn").vertices[0].x - before - 0.02) < 0.001);
  // The server has it; the page lets go of its draft a moment later.
  await page.getByRole("button", { name: "Save", disabled: true }).waitFor();
  await page.getByRole("button", { name: "Area Lawn" }).focus();
  await page.keyboard.press("Delete");
  await page.getByRole("button", { name: "Lawn area" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Lawn area" }).waitFor();
  await page.getByRole("button", { name: "Lawn area" }).click();
  await page.getByRole("button", { name: "Delete area" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await until(8000, "it is gone", async () => !named((await document()).Zone?.Zones, "Lawn"));
  page.assertFine();
  await page.context().close();
});

test("an area is drawn by keyboard alone", async () => {
  const { page } = await opened();
  await page.getByRole("button", { name: "+ Area" }).focus();
  await page.keyboard.press("Enter");
  await until(5000, "the keys are the drawing's", () => page.evaluate(() => document.activeElement?.tagName === "svg"));
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  await press("ArrowLeft", "ArrowLeft", " ", "ArrowDown", "ArrowDown", "ArrowDown", " ", "ArrowRight", "ArrowRight", "ArrowRight", " ", "Enter");
  await page.getByRole("region", { name: /Settings of Area/ }).waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await page.context().close();
});

test("before it is saved, an area says what it would have fired in the last minute, and again as it changes", async () => {
  const { page, at } = await opened();
  const before = JSON.stringify((await document()).Zone);
  await page.getByRole("button", { name: "+ Area" }).click();
  // All of the picture: whoever appears comes in.
  for (const [x, y] of [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98]]) { const point = at(x, y); await page.mouse.click(point.x, point.y); }
  const last = at(0.02, 0.98);
  await page.mouse.click(last.x, last.y, { clickCount: 2 });
  const settings = page.getByRole("region", { name: /Settings of Area/ });
  const dry = settings.locator("[data-dry]");
  await until(40_000, "it would have fired", async () => Number(await dry.getAttribute("data-dry")) > 0);
  assert.match(await dry.innerText(), /Would have fired \d+ times? in the last/);
  assert.match(await dry.innerText(), /event-(area-enter|intrusion)/);
  assert.ok(Number(await page.locator(".zones [aria-pressed=true] [data-times]").getAttribute("data-times")) > 0, "in the list of areas too");
  await shot(page, "dry-count");
  await settings.getByLabel("Somebody comes in").uncheck();
  await settings.getByLabel("Intrusion, with its end").uncheck();
  await until(20_000, "it follows the drawing", async () => (await dry.getAttribute("data-dry")) === "0");
  await page.getByRole("button", { name: "Discard" }).click();
  assert.equal(JSON.stringify((await document()).Zone), before, "nothing was saved");
  page.assertFine();
  await page.context().close();
});

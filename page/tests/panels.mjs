// The Output panel and the Data panel.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFile } from "node:fs/promises";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";
import { shot } from "./shots.mjs";

const setup = (tab) => `${shared.server.url}#/instances/${shared.gate.id}/${tab}`;

test("the Output panel shows the clean picture with boxes drawn over it, those of that very frame", async () => {
  const page = await visit(shared.browser, setup("source"));
  const canvas = page.locator("canvas");
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  await until(30_000, "a frame with boxes", async () => Number(await canvas.getAttribute("data-boxes")) > 0);
  // What is drawn over a frame is what was found in that very frame, as the stream of tracks tells it.
  const views = new Map();
  page.on("response", async (response) => {
    if (!/\/view\?/.test(response.url()) || response.status() !== 200) return;
    const view = await response.json().catch(() => null);
    if (view) views.set(view.frame_id, view.boxes);
  });
  const { drawn, tracks } = await page.evaluate(async (id) => {
    const tracks = {};
    const source = new EventSource(`/api/v1/instances/${id}/live?stream=output-tracks`);
    source.addEventListener("output-tracks", ({ data }) => { const object = JSON.parse(data); tracks[object.frame_id] = object.tracks; });
    await new Promise((done) => { source.onopen = done; });
    const canvas = document.querySelector("canvas");
    const drawn = [];
    while (drawn.length < 10) {
      await new Promise((done) => new MutationObserver((_, observer) => { observer.disconnect(); done(); }).observe(canvas, { attributeFilter: ["data-frame"] }));
      drawn.push({ frame: Number(canvas.dataset.frame), boxes: Number(canvas.dataset.boxes) });
    }
    // A frame's tracks may come after its picture.
    for (let n = 0; n < 100 && !drawn.slice(2).every(({ frame }) => tracks[frame]); n++) await new Promise((done) => setTimeout(done, 50));
    source.close();
    return { drawn, tracks };
  }, shared.gate.id);
  const known = drawn.filter(({ frame }) => views.has(frame) && tracks[frame]);
  assert.ok(known.length >= 6, JSON.stringify({ drawn, views: [...views.keys()], tracks: Object.keys(tracks) }));
  for (const { frame, boxes } of known) {
    assert.equal(boxes, views.get(frame).length, `all boxes of frame ${frame} are drawn`);
    for (const box of views.get(frame)) {
      const track = tracks[frame].find(({ track_id }) => track_id === box.track_id);
      for (const side of ["x", "y", "width", "height"]) assert.ok(track && Math.abs(track[side] - box[side]) < 0.001, `frame ${frame}: ${JSON.stringify({ box, track })}`);
    }
  }
  const colours = await canvas.evaluate((element) => {
    const pen = element.getContext("2d", { willReadFrequently: true });
    const { data } = pen.getImageData(0, 0, element.width, element.height);
    let drawn = 0;
    // #ff922b, as boxes of what has no class are drawn; nothing in the clip has it.
    for (let at = 0; at < data.length; at += 4) if (data[at] === 255 && data[at + 1] === 146 && data[at + 2] === 43) drawn++;
    return drawn;
  });
  assert.ok(colours > 20, `boxes are drawn by the page (${colours} pixels)`);
  await shot(page, "set-up");
  await page.getByRole("checkbox", { name: "boxes" }).uncheck();
  await until(5000, "no boxes", async () => (await canvas.getAttribute("data-boxes")) === "0");
  page.assertFine();
  await page.context().close();
});

test("the Data panel shows any stream as a live table: freeze, filter, download", async () => {
  const page = await visit(shared.browser, setup("source"));
  const panel = page.getByRole("region", { name: "Data panel" });
  await panel.getByLabel("Stream").selectOption({ label: "Tracks" });
  await until(15_000, "rows of some frames", async () => Number(/(\d+) seen/.exec(await panel.innerText())?.[1]) > 2);
  await panel.getByRole("button", { name: "Freeze" }).click();
  const first = () => panel.locator("tbody tr").first().innerText();
  const seen = await first();
  await until(15_000, "some came meanwhile", async () => Number(/(\d+) newer ones/.exec(await panel.innerText())?.[1]) > 2);
  assert.equal(await first(), seen, "frozen");
  const [download] = await Promise.all([page.waitForEvent("download"), panel.getByRole("button", { name: "Download" }).click()]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.length > 1 && Array.isArray(lines[0].tracks), "JSON lines, whole objects");
  // By keyboard: arrows walk the rows, Enter opens one.
  const row = (n) => panel.locator("tbody tr").nth(n);
  const has = (n) => row(n).evaluate((element) => element === document.activeElement);
  await row(0).focus();
  await page.keyboard.press("ArrowDown");
  assert.ok(await has(1), "the second row has focus");
  await page.keyboard.press("ArrowUp");
  assert.ok(await has(0));
  await page.keyboard.press("Enter");
  await panel.locator("pre").getByText('"tracks"').waitFor();
  await panel.getByRole("button", { name: "Close" }).click();
  await panel.getByRole("button", { name: "Go on" }).click();
  await until(8000, "it goes on", async () => (await first()) !== seen);
  await panel.getByLabel("Filter rows").fill("no track is called so");
  await panel.getByText("No row of").waitFor();
  page.assertFine();
  await page.context().close();
});

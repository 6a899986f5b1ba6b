// Instances from a file of one's own, and from an instance file of somebody else's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { clip, readText, until } from "./server.mjs";

async function adding() {
  const page = await visit(shared.browser, shared.server.url);
  await page.getByRole("button", { name: "+ Add instance" }).click();
  return { page, dialog: page.getByRole("dialog", { name: "Add instance" }) };
}

const remove = async (name) => {
  const { instances } = await shared.server.api("GET", "/api/v1/instances");
  for (const one of instances) if (one.name === name) await shared.server.api("DELETE", `/api/v1/instances/${one.id}`);
};

test("a file is chosen, or dropped on the box: it goes to the server, its picture is there, it plays", async () => {
  const { page, dialog } = await adding();
  const works = dialog.getByText("It works");
  // Over a slow line one sees how far it is.
  const line = await page.context().newCDPSession(page);
  const speed = (bytes) => line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
  await speed(300_000);
  await dialog.getByLabel("Choose a file").setInputFiles(clip);
  await dialog.getByRole("progressbar", { name: "Sending the file" }).waitFor();
  await until(20_000, "some of it is there", async () => /\b[1-9]\d? %/.test(await dialog.innerText()));
  await speed(-1);
  await works.waitFor({ timeout: 30_000 });
  assert.equal(await dialog.getByLabel("Name").inputValue(), "vtest");
  const stored = await dialog.getByLabel("Address or file").inputValue();
  assert.match(stored, /uploads\/.*\.avi$/, "it is a file of the server's");
  await dialog.getByRole("button", { name: "Discard" }).click();

  await page.getByRole("button", { name: "+ Add instance" }).click();
  // As a file manager hands it over.
  await page.evaluate(() => {
    const input = Object.assign(document.createElement("input"), { type: "file", id: "from-disk", hidden: true });
    document.body.append(input);
  });
  await page.locator("#from-disk").setInputFiles(clip);
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(document.getElementById("from-disk").files[0]);
    document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  });
  await works.waitFor({ timeout: 30_000 });
  await dialog.getByLabel("Name").fill("Dropped");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("heading", { name: "Dropped" }).waitFor();
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  await remove("Dropped");
  page.assertFine();
  await page.context().close();
});

test("what is no video says so, and stays", async () => {
  const { page, dialog } = await adding();
  await dialog.getByLabel("Choose a file").setInputFiles({ name: "letter.avi", mimeType: "video/x-msvideo", buffer: Buffer.from("Dear Sir or Madam,\n") });
  await dialog.getByRole("alert").waitFor({ timeout: 30_000 });
  assert.ok((await dialog.getByRole("alert").innerText()).length > 20, "it says why");
  await page.context().close();
});

test("an imported document shows the commands and pipelines that it would run, and asks", async () => {
  const page = await visit(shared.browser, shared.server.url);
  await page.getByRole("button", { name: "Import" }).click();
  const dialog = page.getByRole("dialog", { name: "Import an instance file" });
  const text = dialog.getByLabel("Instance file (JSON)");
  await text.fill('{"DisplayName": "Guest", ');
  await dialog.getByRole("button", { name: "Check" }).click();
  await dialog.getByText("This is no JSON").waitFor();
  const { Zone } = JSON.parse(await readText(new URL("../../demo/vtest.json", import.meta.url)));
  const pipeline = "gstreamer:///videotestsrc is-live=true ! videoconvert ! appsink name=cvdsink";
  const document = {
    DisplayName: "Guest", Solution: "securt", AutoStart: false, Input: { uri: pipeline }, Zone,
    Output: { preprocess_cmd: "python3 their-filter.py", preprocess_version: 2, handlers: { "to disk": { uri: "json:///guest.jsonl", sink: "", enabled: true, config: { schema_events: ["event-area-enter:2"] } } } },
  };
  await text.fill(JSON.stringify(document));
  await dialog.getByRole("button", { name: "Check" }).click();
  const runs = dialog.getByText("This file makes the server run programs or pipelines").locator("..");
  await runs.waitFor();
  const shown = await runs.innerText();
  assert.ok(shown.includes("python3 their-filter.py") && shown.includes(pipeline), shown);
  const there = async () => (await shared.server.api("GET", "/api/v1/instances")).instances.some(({ name }) => name === "Guest");
  assert.ok(!(await there()), "looking imports nothing");
  await dialog.getByRole("button", { name: "Import and allow this" }).click();
  await page.getByRole("heading", { name: "Guest" }).waitFor();
  await until(8000, "it is there", there);
  await remove("Guest");
  page.assertFine();
  await page.context().close();
});

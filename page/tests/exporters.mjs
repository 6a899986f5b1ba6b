// Exporters, their global settings, the preprocess command, dead letters.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rm, writeFile, chmod } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { readText, until } from "./server.mjs";
import { shot } from "./shots.mjs";

const setup = (tab) => `${shared.server.url}#/instances/${shared.gate.id}/${tab}`;

test("an exporter is switched on, and its global settings are changed under Integrations", async () => {
  const page = await visit(shared.browser, setup("export"));
  const row = page.locator('[data-exporter="JSONExport"]');
  await row.getByRole("checkbox").check();
  await until(15_000, "it runs", async () => /running|waiting/.test(await row.innerText()));
  await row.getByRole("link", { name: "settings" }).click();
  const card = page.locator('[data-integration="JSONExport"]');
  await card.getByLabel("Output folder").fill("by-the-page");
  await card.getByLabel("JPEG quality").fill("400");
  await card.getByRole("button", { name: "Save" }).click();
  await until(8000, "400 is refused at its field", async () => /100/.test(await card.locator(".wrong").first().innerText().catch(() => "")));
  await card.getByLabel("JPEG quality").fill("70");
  await card.getByRole("button", { name: "Save" }).click();
  await until(8000, "it is saved", async () => {
    const list = await shared.server.api("GET", "/api/v1/exporters");
    const own = (list.exporters ?? list).find(({ name }) => name === "JSONExport");
    return own.settings.find(({ name }) => name === "folder").value === "by-the-page" && own.settings.find(({ name }) => name === "quality").value === 70;
  });
  await card.getByRole("link", { name: "Gate" }).waitFor();
  await shot(page, "integrations");
  await until(40_000, "its files are where the settings say", async () => existsSync(join(shared.server.data, "exports/by-the-page")));
  page.assertFine();
  await page.context().close();
});

test("dead letters are read, and one is sent again once the receiver takes it", async () => {
  const { server, moody } = shared;
  await server.api("POST", `/api/v1/instances/${shared.gate.id}/exporters/Moody/switch`, { to: "on" });
  const page = await visit(shared.browser, setup("export"));
  const row = page.locator('[data-exporter="Moody"]');
  const dead = async () => Number(/(\d+) dead/.exec(await row.innerText())?.[1] ?? 0);
  await until(60_000, "three are refused", async () => (await dead()) >= 3);
  await row.getByRole("button", { name: "More of Moody" }).click();
  await page.getByRole("menuitem", { name: "Dead letters" }).click();
  const dialog = page.getByRole("dialog", { name: "Dead letters of Moody" });
  const letter = dialog.locator("[data-letter]").first();
  await letter.getByText("not in the mood").waitFor();
  await letter.getByText("What it was").click();
  await letter.getByText("event-").first().waitFor();
  await shot(page, "dead-letters");
  const number = await letter.getAttribute("data-letter");
  await rm(moody.refuses);
  await letter.getByRole("button", { name: "Send again" }).click();
  await dialog.getByText("1 letter sent again").waitFor();
  await until(15_000, "it has arrived", async () => existsSync(join(moody.folder, "taken.jsonl")));
  // It is no dead letter any more.
  await dialog.locator(`[data-letter="${number}"]`).waitFor({ state: "detached" });
  const second = await dialog.locator("[data-letter]").first().getAttribute("data-letter");
  await dialog.locator(`[data-letter="${second}"]`).getByRole("button", { name: "Drop" }).click();
  await dialog.getByText("1 letter dropped").waitFor();
  await dialog.locator(`[data-letter="${second}"]`).waitFor({ state: "detached" });
  await dialog.getByRole("button", { name: "Drop all" }).click();
  await dialog.getByText("Nothing was refused for good").waitFor();
  page.assertFine();
  await page.context().close();
});

test("a preprocess command is tested against the last records, before and after side by side, and saved", async () => {
  const script = join(shared.server.data, "site.py");
  await writeFile(script, await readText(new URL("../../demo/add_site.py", import.meta.url)));
  await chmod(script, 0o755);
  const page = await visit(shared.browser, setup("export"));
  const section = page.getByRole("region", { name: "Preprocess command" });
  await section.getByLabel("Command").fill("python3 site.py");
  await section.getByRole("button", { name: "Test" }).click();
  const tried = section.locator("[data-tried]");
  await tried.waitFor({ timeout: 30_000 });
  const [before, after] = await tried.locator(".two pre").allInnerTexts();
  assert.match(before, /"\$id"/);
  assert.doesNotMatch(before, /"site"/);
  assert.match(after, /"site"/);
  const marked = await tried.locator(".two mark").allInnerTexts();
  assert.ok(marked.length > 0 && marked.every((line) => line.includes('"site"')), `what is new is marked, and nothing else: ${marked.join(" | ")}`);
  await shot(page, "preprocess");
  await section.getByRole("button", { name: "Save" }).click();
  await until(8000, "it is saved", async () => (await shared.server.api("GET", `/api/v1/instances/${shared.gate.id}/document`)).Output.preprocess_cmd === "python3 site.py");
  await until(15_000, "it runs", async () => /running/.test(await section.innerText()));
  // A command that is not there says so, with what was tried.
  await section.getByLabel("Command").fill("./not-there.py");
  await section.getByRole("button", { name: "Test" }).click();
  assert.match(await section.getByRole("alert").innerText(), /not-there/);
  await shared.server.api("PATCH", `/api/v1/instances/${shared.gate.id}/document`, { Output: { preprocess_cmd: null } }, { "Content-Type": "application/merge-patch+json" });
  page.assertFine();
  await page.context().close();
});

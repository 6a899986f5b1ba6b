// An exporter as its users keep it: what it says, what was agreed, a restart, the conformance test. What doctor finds.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";
import { shot } from "./shots.mjs";

/** Says what it does, answers for all it gets, and wants one thing in a version that nobody knows. */
const TALKER = `import os, sys
print("up as", os.getpid(), file=sys.stderr, flush=True)
for line in sys.stdin:
    print("OK", flush=True)
`;

async function addTalker(data) {
  const folder = join(data, "exporters/talker");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "talker.py"), TALKER);
  await writeFile(join(folder, "manifest.json"), JSON.stringify({
    name: "Talker", description: "Says what it does", command: "python3 talker.py",
    events: { "event-area-enter": [1, 2], "event-line-crossing": [99] }, framing: "newline", acknowledge: true,
  }));
}

test("an exporter's last output, what was agreed and what not, a restart, and the conformance test with its rows", async () => {
  const { server } = shared;
  await addTalker(server.data);
  const page = await visit(shared.browser, `${server.url}#/instances/${shared.gate.id}/export`);
  const row = page.locator('[data-exporter="Talker"]');
  await row.waitFor({ timeout: 30_000 });
  await row.getByRole("checkbox").check();
  await until(20_000, "it runs", async () => /running/.test(await row.innerText()));
  await row.getByRole("link", { name: "settings" }).click();
  const card = page.locator('[data-integration="Talker"]');
  const use = card.locator('[data-use="Gate"]');
  await use.getByText("Versions and last output").click();
  await use.locator("[data-agreed]").getByText("event-area-enter").waitFor();
  assert.match(await use.locator("[data-agreed]").innerText(), /event-area-enter version 2/);
  assert.match(await use.locator("[data-not-agreed]").innerText(), /event-line-crossing/);
  const ups = async () => ((await use.locator("[data-output]").innerText()).match(/up as \d+/g) ?? []);
  const first = await until(15_000, "its first words", async () => { const said = await ups(); return said.length > 0 && said; });
  await use.getByRole("button", { name: "Restart it for Gate" }).click();
  const second = await until(20_000, "it is up again", async () => { const said = await ups(); return said.length > first.length && said; });
  assert.notEqual(second.at(-1), first.at(-1), "another process");
  const conformance = card.locator("[data-conformance]");
  await conformance.getByText("Conformance test", { exact: true }).click();
  await conformance.getByRole("button", { name: "Run the conformance test" }).click();
  await conformance.getByText(/^\d+ s; it may take a minute/).waitFor();
  await conformance.getByText(/^(Passed|Failed)/).waitFor({ timeout: 150_000 });
  assert.ok((await conformance.locator("tbody tr").count()) > 5, "each row of the kit is shown");
  await card.evaluate((element) => element.scrollIntoView());
  await page.evaluate(() => scrollBy(0, -64));
  await shot(page, "integration");
  await server.api("POST", `/api/v1/instances/${shared.gate.id}/exporters/Talker/switch`, { to: "off" });
  page.assertFine();
  await page.context().close();
});

test("System shows what doctor finds, each with its fix", async () => {
  const page = await visit(shared.browser, `${shared.server.url}#/system`);
  const card = page.locator("[data-doctor]");
  const again = card.getByRole("button", { name: "Look again" });
  await again.waitFor();
  const [answer] = await Promise.all([page.waitForResponse((response) => response.url().endsWith("/api/v1/system/doctor")), again.click()]);
  const { findings } = await answer.json();
  const wrong = findings.filter(({ level }) => level !== "ok");
  assert.ok(findings.length > 5, "it looks at more than a few things");
  await until(10_000, "all of them are shown", async () => (await card.locator('[data-finding="warning"], [data-finding="error"]').count()) === wrong.length);
  for (const { what, fix } of wrong) {
    await card.getByText(what, { exact: true }).first().waitFor();
    if (fix) assert.ok((await card.innerText()).replace(/\s+/g, " ").includes(fix.replace(/\s+/g, " ").trim()), `the fix of ${what}`);
  }
  await card.getByText(/checks? without a finding/).click();
  await card.locator('[data-finding="ok"]').first().waitFor();
  page.assertFine();
  await page.context().close();
});

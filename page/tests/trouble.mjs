// When something goes wrong: the server goes and comes back, two people change one thing, somebody has to log in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { Server, until } from "./server.mjs";
import { nothingIsLost } from "./sessions.mjs";

test("a change that would overwrite somebody else's is refused, and what is there now is shown", async () => {
  const path = `/api/v1/instances/${shared.gate.id}/document`;
  const page = await visit(shared.browser, `${shared.server.url}#/instances/${shared.gate.id}/source`);
  await page.getByLabel("Name").fill("Mine");
  await shared.server.api("PATCH", path, { SolutionManager: { frame_rate_limit: 9 } }, { "Content-Type": "application/merge-patch+json" });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody else has changed this instance").waitFor();
  assert.equal((await shared.server.api("GET", path)).DisplayName, "Gate", "nothing was overwritten");
  await until(5000, "the other's change is shown", async () => (await page.getByLabel("Analysed frames per second").inputValue()) === "9");
  await shared.server.api("PATCH", path, { SolutionManager: { frame_rate_limit: null } }, { "Content-Type": "application/merge-patch+json" });
  await page.context().close();
});

test("the server goes and comes back: the page says so, says how old it is, and goes on without a reload", async () => {
  const server = await Server.start();
  try {
    const { id } = await server.addClip("Alone", { AutoStart: false });
    const page = await visit(shared.browser, server.url);
    await page.locator('[data-instance="Alone"]').waitFor();
    await server.end();
    const stale = page.locator(".stale");
    await stale.waitFor({ timeout: 10_000 });
    assert.match(await stale.innerText(), /Is watchpost still running\?/);
    await page.locator('[data-instance="Alone"]').waitFor();
    await server.begin();
    await stale.waitFor({ state: "detached", timeout: 15_000 });
    await page.locator('[data-instance="Alone"]').getByRole("button", { name: "Start Alone" }).click();
    await page.locator('[data-instance="Alone"]').getByText("running", { exact: true }).waitFor({ timeout: 20_000 });
    page.assertFine();
    await page.context().close();

    await loggingIn(server);
    await nothingIsLost(shared.browser, server, id);
  } finally {
    await server.close();
  }
});

/** The first user ends the time when everybody is admin. */
async function loggingIn(server) {
  const page = await visit(shared.browser, `${server.url}#/system/users`);
  await page.getByRole("button", { name: "+ Add user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("ada");
  await dialog.getByLabel("Password").fill("correct horse battery");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  const user = page.getByLabel("User", { exact: true });
  await user.waitFor({ timeout: 10_000 });
  await user.fill("ada");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "+ Add user" }).waitFor();
  await page.getByRole("button", { name: "+ Add user" }).click();
  await dialog.getByLabel("Name").fill("vera");
  await dialog.getByLabel("Password").fill("correct horse battery");
  await dialog.getByLabel("Role").selectOption("viewer");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByLabel("Role of vera").waitFor();
  await page.context().close();

  const looking = await visit(shared.browser, server.url);
  await looking.getByLabel("User", { exact: true }).fill("vera");
  await looking.getByLabel("Password").fill("correct horse battery");
  await looking.getByRole("button", { name: "Log in" }).click();
  await looking.locator('[data-instance="Alone"]').waitFor();
  assert.ok(await looking.getByRole("button", { name: "+ Add instance" }).isDisabled(), "a viewer only looks");
  assert.equal(await looking.getByRole("button", { name: "Stop Alone" }).isDisabled(), true);
  await looking.context().close();
}

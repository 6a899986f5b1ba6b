// When something goes wrong: two people change one thing, the server goes and comes back, somebody has to log in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { result } from "./alone.mjs";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";

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

test("the server goes and comes back: the page says so, says how old it is, and goes on without a reload", result("comesAndGoes"));
test("the first user has to be an admin, and logs in; a viewer only looks", result("loggingIn"));
test("a session that ends, and a log-out, lose nothing that was typed or drawn; it is not another's", result("nothingIsLost"));

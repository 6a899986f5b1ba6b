// A session ends while somebody works: nothing that was typed or drawn is lost.
import assert from "node:assert/strict";
import { visit } from "./browser.mjs";
import { until } from "./server.mjs";

const NAME = "ada";
const PASSWORD = "correct horse battery";

/** The session of this browser ends on the server, as an expired one does; the page finds out by itself. */
async function expire(page) {
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.getByText("Your session has ended").waitFor({ timeout: 30_000 });
}

async function logIn(page, user = NAME) {
  await page.getByLabel("User", { exact: true }).fill(user);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** With a server on which `ada` is admin and `vera` a viewer, and the instance `Alone`, which runs. */
export async function nothingIsLost(browser, server) {
  const page = await visit(browser, `${server.url}#/instances/Alone/export`);
  await logIn(page);
  await page.getByRole("button", { name: "+ Add custom export option" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("half done");
  await dialog.getByRole("radio", { name: /^Tracks/ }).check();
  await dialog.getByRole("radio", { name: /^JSON/ }).check();
  await dialog.getByLabel("Address").fill("json:///mine/tracks.jsonl");
  await expire(page);
  assert.equal(await dialog.count(), 0, "who is not logged in sees nothing of it");
  await logIn(page);
  await dialog.getByText("not saved yet").waitFor();
  assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "half done");
  assert.equal(await dialog.getByLabel("Address").inputValue(), "json:///mine/tracks.jsonl");
  await until(10_000, "it may be saved", () => dialog.getByRole("button", { name: "Save" }).isEnabled());
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator('[data-export="half done"]').waitFor();

  // An instance that is being added.
  await page.goto(`${server.url}#/instances`);
  await page.getByRole("button", { name: "+ Add instance" }).click();
  await dialog.getByLabel("Address or file").fill("rtsp://me:hush@192.0.2.7/stream1");
  await expire(page);
  assert.equal(await dialog.count(), 0);
  await logIn(page);
  await dialog.getByText("not saved yet").waitFor();
  assert.equal(await dialog.getByLabel("Address or file").inputValue(), "rtsp://me:hush@192.0.2.7/stream1");
  await dialog.getByRole("button", { name: "Discard" }).click();

  // A drawing, over a log-out by hand.
  await page.goto(`${server.url}#/instances/Alone/export`);
  await page.getByRole("tab", { name: "Analytics" }).click();
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "+ Line" }).click();
  const box = await page.locator(".picture svg").boundingBox();
  await page.mouse.click(box.x + box.width * 0.3, box.y + box.height * 0.4);
  await page.mouse.click(box.x + box.width * 0.6, box.y + box.height * 0.7);
  await page.getByRole("region", { name: /Settings of Line/ }).getByLabel("Name").fill("Rope");
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await logIn(page);
  await page.getByRole("button", { name: "Rope line" }).waitFor();
  await page.getByText("Your drawings from before").waitFor();
  // A reload would lose it: it is asked about.
  const asked = page.waitForEvent("dialog");
  void page.close({ runBeforeUnload: true });
  const question = await asked;
  assert.equal(question.type(), "beforeunload");
  await question.dismiss();
  await page.getByRole("button", { name: "Save" }).click();
  const path = "/api/v1/instances/Alone/document";
  await until(10_000, "it is saved", () => page.evaluate((path) => fetch(path).then((answer) => answer.text()).then((text) => text.includes("Rope")), path));

  // What one has typed is not another's.
  await page.getByRole("tab", { name: "Source" }).click();
  await page.getByLabel("Name").fill("Mine alone");
  await page.getByRole("tab", { name: /^Source.*not saved/ }).waitFor();
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await logIn(page, "vera");
  await page.getByRole("tab", { name: "Source" }).waitFor();
  assert.equal(await page.getByLabel("Name").inputValue(), "Alone");
  page.assertFine();
  await page.context().close();
}

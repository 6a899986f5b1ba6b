// What mostly waits runs beside the other tests, with a server and a browser of its own: a server that goes and comes back,
// the first users, sessions that end. Each has a test at the end of all, which waits for it.
import assert from "node:assert/strict";
import { open, pictures, visit } from "./browser.mjs";
import { Server } from "./server.mjs";
import { nothingIsLost } from "./sessions.mjs";

/** One after the other; from the first users on, everybody has to log in. */
const STEPS = { comesAndGoes, loggingIn, nothingIsLost };
const results = {};
let over = Promise.resolve();

export function begin() {
  const ready = Promise.all([Server.start(), open()]);
  let last = ready;
  for (const [name, step] of Object.entries(STEPS)) {
    last = last.then(() => {}, () => {}).then(() => ready).then(async ([server, browser]) => {
      try {
        await step(browser, server);
      } catch (error) {
        await pictures(browser);
        throw error;
      }
    });
    // Its test tells.
    last.catch(() => {});
    results[name] = last;
  }
  const end = async () => {
    const [server, browser] = await ready;
    await browser.close();
    await server.close();
  };
  over = last.then(end, end).catch(() => {});
}

/** How a step has ended. */
export const result = (name) => () => results[name];
export const ended = () => over;

async function comesAndGoes(browser, server) {
  const page = await visit(browser, server.url);
  // Nothing yet: what would be here, and how to get there.
  await page.getByText("Here will be your cameras and files").waitFor();
  await page.getByRole("button", { name: "+ Add the first instance" }).click();
  await page.getByRole("dialog", { name: "Add instance" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Events", exact: true }).click();
  await page.getByText("Events appear here as they happen").waitFor();
  await page.getByRole("link", { name: "Instances", exact: true }).click();
  await server.addClip("Alone", { AutoStart: false });
  await page.locator('[data-instance="Alone"]').waitFor();
  await server.end();
  const stale = page.locator(".stale");
  await stale.waitFor({ timeout: 30_000 });
  assert.match(await stale.innerText(), /Is watchpost still running\?/);
  await page.locator('[data-instance="Alone"]').waitFor();
  await server.begin();
  await stale.waitFor({ state: "detached", timeout: 30_000 });
  await page.locator('[data-instance="Alone"]').getByRole("button", { name: "Start Alone" }).click();
  await page.locator('[data-instance="Alone"]').getByText("running", { exact: true }).waitFor({ timeout: 30_000 });
  page.assertFine();
  await page.context().close();
}

/** The first user ends the time when everybody is admin. */
async function loggingIn(browser, server) {
  const page = await visit(browser, `${server.url}#/system/users`);
  await page.getByRole("button", { name: "+ Add user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("ada");
  await dialog.getByLabel("Password").fill("correct horse battery");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  const user = page.getByLabel("User", { exact: true });
  await user.waitFor({ timeout: 30_000 });
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
  await tokens(page, server);
  await page.context().close();

  const looking = await visit(browser, server.url);
  await looking.getByLabel("User", { exact: true }).fill("vera");
  await looking.getByLabel("Password").fill("correct horse battery");
  await looking.getByRole("button", { name: "Log in" }).click();
  await looking.locator('[data-instance="Alone"]').waitFor();
  assert.ok(await looking.getByRole("button", { name: "+ Add instance" }).isDisabled(), "a viewer only looks");
  assert.equal(await looking.getByRole("button", { name: "Stop Alone" }).isDisabled(), true);
  await looking.context().close();
}

/** A token is shown once, opens the API to a program, and does not when it is deleted. */
async function tokens(page, server) {
  const card = page.getByRole("region", { name: "Tokens" });
  await card.getByLabel("Name").fill("dashboard");
  await card.getByRole("button", { name: "Make a token" }).click();
  const token = (await card.getByText("Shown once, now").locator("code").innerText()).trim();
  const ask = async () => (await fetch(`${server.url}api/v1/instances`, { headers: { Authorization: `Bearer ${token}` } })).status;
  assert.equal(await ask(), 200);
  await page.getByRole("tab", { name: "Health" }).click();
  await page.getByRole("tab", { name: "Users and tokens" }).click();
  await card.getByText("dashboard").waitFor();
  assert.ok(!(await card.innerText()).includes(token), "it is not shown again");
  await card.getByRole("button", { name: "Delete the token dashboard" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await card.getByText("There are none yet").waitFor();
  assert.equal(await ask(), 401);
}

// The explorer in a real browser without a window: every example is run, nothing is asked of another host, and a change is seen.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { chromium } from "playwright-core";
import type { Page, Request } from "playwright-core";
import { token, url } from "../register.js";

// No sandbox, since root may have none; nothing is opened but our own page.
const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage();
const problems: string[] = [];
page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
page.on("response", (response) => response.status() >= 400 && problems.push(`${response.status()} from ${response.url()}`));
page.on("request", (request) => notOurs(request.url()) && problems.push(`a request to ${request.url()}`));
page.on("websocket", (socket) => notOurs(socket.url()) && problems.push(`a socket to ${socket.url()}`));

function notOurs(address: string): boolean {
  const { protocol, host } = new URL(address);
  return protocol !== "data:" && protocol !== "blob:" && host !== new URL(url).host;
}

// What the answer's pane holds: CodeMirror draws only the lines that are in sight.
declare function shown(): string;
// The operation that the button would run, which GraphiQL knows a moment after a tab is opened.
declare function operation(): string | undefined;
await page.addInitScript(`
  const editor = (within) => document.querySelector(within + " .CodeMirror")?.CodeMirror;
  shown = () => editor(".result-window")?.getValue() ?? "";
  operation = () => editor(".graphiql-query-editor")?.operationName;
`);

await page.goto(`${url}/graphiql`);
await page.fill("#token", token);
await page.waitForFunction(() => document.getElementById("bar")?.dataset["state"] === "ready");

const tabs = page.locator(".graphiql-tab button.graphiql-tab-button");
const names = (await tabs.allTextContents()).map((name) => name.trim());
const subscription = "Changes";
assert.ok(names.length > 5 && names.includes(subscription), `the tabs are ${names.join(", ")}`);
for (const [place, name] of names.entries()) {
  await tabs.nth(place).click();
  await page.waitForFunction((name) => operation() === name, name);
  const answer = name === subscription ? await changeShown(page) : await answerShown(page, name);
  assert.ok(!answer.includes('"errors"') && answer.includes('"data"'), `${name}: ${answer}`);
  const underlined = await page.locator(".graphiql-query-editor .CodeMirror-lint-mark-error").count();
  assert.equal(underlined, 0, `${name}: the editor underlines ${underlined} errors`);
}
assert.deepEqual(problems, []);
await browser.close();
console.log(`${names.length - 1} examples answered, a change seen; nothing was asked of another host`);

/** Runs the open tab's query and gives what the page then shows. */
async function answerShown(page: Page, name: string): Promise<string> {
  const isOurs = (request: Request) => request.method() === "POST" && request.postDataJSON().operationName === name;
  const answering = page.waitForResponse((response) => isOurs(response.request()));
  await page.click(".graphiql-execute-button");
  const { data, errors } = await (await answering).json();
  assert.ok(data && !errors, `${name}: ${JSON.stringify(errors)}`);
  await page.waitForFunction((key) => shown().includes(`"${key}"`), Object.keys(data)[0] ?? "");
  return page.evaluate(() => shown());
}

/** Runs the open tab's subscription, makes changes until one is shown, ends it, and gives what the page shows. */
async function changeShown(page: Page): Promise<string> {
  await page.click(".graphiql-execute-button");
  const summary = `Filed for the explorer ${randomUUID()}`;
  // The protocol does not say when a subscription has begun: a change may be a moment too early for it.
  for (let tries = 0; tries < 10; tries += 1) {
    await change(summary);
    const isShown = page.waitForFunction((text) => shown().includes(text), summary, { timeout: 1000 });
    if (await isShown.then(() => true, () => false)) break;
  }
  const answer = await page.evaluate(() => shown());
  assert.ok(answer.includes(summary), `no change was shown: ${answer}`);
  await page.click(".graphiql-execute-button");
  return answer;
}

async function change(summary: string): Promise<void> {
  const ask = async (query: string, variables: object) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = (await answer.json()) as { data?: Record<string, { id: string }>; errors?: unknown };
    assert.ok(data && !errors, JSON.stringify(errors));
    return data;
  };
  const { activity } = await ask('{ activity(by: { slug: "bip" }) { id } }', {});
  const input = { activityId: activity?.id, period: "2026-T3", health: "GREEN", summary };
  await ask("mutation ($input: StatusReportFileInput!) { statusReportFile(input: $input) { statusReport { id } } }", { input });
}

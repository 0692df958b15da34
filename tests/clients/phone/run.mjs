// The page of an agreement on a phone of 390 px: nothing leaves the screen, a wide table scrolls within itself, and the text is large enough.
// SAMREGISTER_URL says where the register is, SAMREGISTER_TOKEN is a token of `samregister token --role OFFICE`.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { SAMREGISTER_URL: url, SAMREGISTER_TOKEN: token } = process.env;
if (!url || !token) throw new Error("SAMREGISTER_URL and SAMREGISTER_TOKEN must be set");
const width = 390;

async function ask(query, variables) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  assert.ok(data && !errors, JSON.stringify(errors));
  return data;
}

// A value for each parameter, long where it may be.
const values = {
  TEXT: () => "Processledarutbildningsmaterialförteckningen, som parterna har kommit överens om",
  DATE: () => "2027-01-31",
  MONEY: ({ minimum }) => minimum ?? "1234567.00",
  INTEGER: ({ minimum }) => minimum ?? 1,
  BOOLEAN: () => true,
};

const listed = "{ templates(first: 50) { nodes { slug currentVersion { id parameters { name type default minimum } } } } }";
const templates = (await ask(listed)).templates.nodes.filter(({ currentVersion }) => currentVersion);
assert.ok(templates.length > 5, `only ${templates.length} templates`);

// No sandbox, since root may have none; nothing is opened but our own page.
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width, height: 844 } });
for (const { slug, currentVersion: current } of templates) {
  const given = current.parameters.map((parameter) => [parameter.name, parameter.default ?? values[parameter.type](parameter)]);
  const query = "query($id: ID!, $parameters: JSON!) { node(id: $id) { ... on AgreementTemplateVersion { preview(parameters: $parameters) { html } } } }";
  const { node } = await ask(query, { id: current.id, parameters: Object.fromEntries(given) });
  await page.setContent(node.preview.html);
  const seen = await page.evaluate(() => {
    const scrolls = (element) => element && (getComputedStyle(element).overflowX === "auto" || scrolls(element.parentElement));
    const hidden = (element) => element && (getComputedStyle(element).clipPath !== "none" || hidden(element.parentElement));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = { outside: [], small: [], width: document.documentElement.scrollWidth };
    while (texts.nextNode()) {
      const { textContent, parentElement } = texts.currentNode;
      if (!textContent.trim() || hidden(parentElement)) continue;
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      if (range.getBoundingClientRect().right > innerWidth && !scrolls(parentElement)) found.outside.push(textContent.trim());
      if (parseFloat(getComputedStyle(parentElement).fontSize) < 14) found.small.push(textContent.trim());
    }
    return found;
  });
  assert.deepEqual(seen, { outside: [], small: [], width }, slug);
}
await browser.close();
console.log(`the pages of ${templates.length} templates fit a phone of ${width} px`);

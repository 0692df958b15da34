// The page of `page.ts` in a real browser without a window. It is of another origin than the register, as most front ends are.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { token, url } from "../register.js";
import type { show } from "./page.js";

// The page's functions, which the bundle puts on its window.
declare const client: { show: typeof show };

// An origin of `SAMREGISTER_CORS_ORIGINS`; nothing listens there, and the browser gets an empty page.
const origin = "http://pages.localhost";
// The register listens on this machine only, which pages from elsewhere may not ask: of the register on a server, any page may be.
const args = ["--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"];
const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args });
const page = await browser.newPage();
const requests: string[] = [];
page.on("request", (request) => request.url().startsWith(`${url}/graphql`) && requests.push(request.method()));
const problems: string[] = [];
page.on("pageerror", (error) => problems.push(error.message));
await page.route(`${origin}/**`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Register</title>" }));
await page.goto(`${origin}/`);
await page.addScriptTag({ path: new URL("page.bundle.js", import.meta.url).pathname });

const shown = await page.evaluate(([url, token]) => client.show(url, token), [url, token] as const);
assert.ok(shown.isSeen, "the change was not seen");
// Fragments on an interface, and on one of its types within: without `possibleTypes` the cache would leave their fields out.
assert.ok(shown.parties.length > 10 && shown.parties.every((party) => party.id && party.name));
assert.ok(shown.parties.some((party) => party.__typename === "Member" && party.county));
assert.ok(shown.parties.some((party) => party.__typename === "Organisation"));
// A query by the hash alone, which the register may not know yet, and a mutation.
assert.equal(requests[0], "GET");
assert.equal(requests.at(-1), "POST");
assert.deepEqual(problems, []);
await browser.close();
console.log(`${shown.parties.length} agreements and a change were shown by a page of another origin`);

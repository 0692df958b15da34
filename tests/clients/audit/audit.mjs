// Holds a running register against the specification "GraphQL over HTTP", by the suite of graphql-http, and prints the counts by level.
// SAMREGISTER_URL says where it is, SAMREGISTER_TOKEN is a token of `samregister token --role AUDITOR`. Exits with 1 when a MUST or a SHOULD fails.
import { writeFileSync } from "node:fs";
import { serverAudits } from "graphql-http";

const { SAMREGISTER_URL: url, SAMREGISTER_TOKEN: token } = process.env;
if (!url || !token) throw new Error("SAMREGISTER_URL and SAMREGISTER_TOKEN must be set");

// The suite asks without a token, for which there is only one answer.
const fetchFn = (address, init = {}) => fetch(address, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });

const levels = { MUST: [], SHOULD: [], MAY: [] };
for (const audit of serverAudits({ url: `${url}/graphql`, fetchFn })) {
  const { id, name, status, reason, response } = await audit.fn();
  const level = name.split(" ")[0];
  levels[level].push({ id, name, passed: status === "ok", ...(status === "ok" ? {} : { reason, answer: response?.status }) });
}

const failed = (level) => levels[level].filter((audit) => !audit.passed);
for (const level of Object.keys(levels)) {
  console.log(`${level}: ${levels[level].length - failed(level).length} of ${levels[level].length}`);
  for (const { id, name, reason, answer } of failed(level)) console.log(`  ${id} ${name}: ${reason} (${answer})`);
}
writeFileSync("audit.json", `${JSON.stringify(levels, null, 2)}\n`);
process.exitCode = failed("MUST").length + failed("SHOULD").length > 0 ? 1 : 0;

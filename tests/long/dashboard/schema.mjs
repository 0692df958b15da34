// Checks a dashboard by the types of Grafana's package @grafana/schema: what they don't know is refused, as a misspelt name.
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const path = "node_modules/@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.d.ts";
const schema = createGenerator({ path, type: "Dashboard", skipTypeCheck: true, additionalProperties: false }).createSchema("Dashboard");
const isValid = new Ajv({ allErrors: true, strict: false }).compile(schema);
const dashboard = JSON.parse(readFileSync(process.argv[2], "utf8"));
if (!isValid(dashboard)) {
    for (const { instancePath, message, params } of isValid.errors) {
        console.error(instancePath, message, JSON.stringify(params));
    }
    process.exit(1);
}
// The check refuses something at all.
if (isValid({ ...dashboard, pannels: [] })) {
    console.error("a misspelt property was accepted");
    process.exit(1);
}
console.log(`${dashboard.panels.length} panels and rows are as Grafana's schema wants them`);

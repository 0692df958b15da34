// graphql-codegen: the types of each document, from the register's schema.
import type { CodegenConfig } from "@graphql-codegen/cli";

// Amounts and rates stay texts: "26800.00" is exact, a number would not be.
const scalars = {
  Date: "string",
  DateTime: "string",
  Decimal: "string",
  EmailAddress: "string",
  URL: "string",
  JSON: "unknown",
  Money: "string",
  OrgNumber: "string",
  Revision: "string",
  Sha256: "string",
};

const typed = (client: string): CodegenConfig["generates"] => ({
  [`${client}/generated/`]: {
    preset: "client",
    documents: `${client}/*.ts`,
    presetConfig: { fragmentMasking: false },
    config: { scalars, strictScalars: true, enumsAsTypes: true, useTypeImports: true, onlyOperationTypes: true },
  },
});

const config: CodegenConfig = {
  schema: "schema.graphql",
  emitLegacyCommonJSImports: false,
  generates: {
    ...typed("apollo"),
    // For Apollo's cache: the types of interfaces and unions.
    "apollo/generated/possible-types.ts": { plugins: ["fragment-matcher"] },
    ...typed("urql"),
  },
};

export default config;

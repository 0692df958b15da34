// graphql-codegen: the types of each document, from the register's schema.
import type { CodegenConfig } from "@graphql-codegen/cli";

// Amounts stay texts: "26800.00" is exact, a number would not be.
const scalars = { Date: "string", DateTime: "string", Money: "string", OrgNumber: "string", JSON: "unknown" };

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
  generates: { ...typed("apollo"), ...typed("urql") },
};

export default config;

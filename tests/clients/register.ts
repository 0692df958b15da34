// Where the register is, for every client here: SAMREGISTER_URL, and in SAMREGISTER_TOKEN a token of `samregister token --role OFFICE`.
function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

export const url = setting("SAMREGISTER_URL");
export const token = setting("SAMREGISTER_TOKEN");

/** `https://…/graphql` is for requests, `wss://…/graphql/ws` for subscriptions. */
export const socketUrl = `${url.replace(/^http/, "ws")}/graphql/ws`;

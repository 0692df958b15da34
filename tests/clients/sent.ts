// What a client sent over HTTP, in its order: a `fetch` that remembers, so that a run can tell a GET with a hash from a POST.

export type Sent = { method: string; query: string | null; hash: string | null; revision: string | null; status: number };

export function rememberingFetch(): { sent: Sent[]; fetch: typeof fetch } {
  const sent: Sent[] = [];
  const remembering: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const asked = request.method === "GET" ? Object.fromEntries(new URL(request.url).searchParams) : await request.clone().json();
    const extensions = typeof asked.extensions === "string" ? JSON.parse(asked.extensions) : asked.extensions;
    const response = await fetch(request);
    sent.push({
      method: request.method,
      query: asked.query ?? null,
      hash: extensions?.persistedQuery?.sha256Hash ?? null,
      revision: request.headers.get("x-samregister-revision"),
      status: response.status,
    });
    return response;
  };
  return { sent, fetch: remembering };
}

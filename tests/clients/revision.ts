// A `fetch` that sends the newest revision that it has seen, as `X-Samregister-Revision`: no answer shows an older state than that, whichever of
// several servers or read replicas answers.
const HEADER = "x-samregister-revision";

export function followingFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  let seen = 0n;
  return async (input, init) => {
    const [sent, request] = [seen, new Request(input, init)];
    if (sent > 0n) request.headers.set(HEADER, String(sent));
    const response = await fetch(request);
    // An answer that was refused before its execution states none.
    const stated = response.headers.get(HEADER);
    if (stated !== null) {
      const revision = BigInt(stated);
      // One that is smaller than what was sent is of a register that was set back.
      if (revision > seen || revision < sent) seen = revision;
    }
    return response;
  };
}

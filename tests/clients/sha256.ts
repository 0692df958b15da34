// Persisted queries are known by their SHA-256, in hexadecimal. Browsers have `crypto.subtle` on pages by https and on localhost.
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

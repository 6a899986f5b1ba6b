// What the browser's storage may not hold. Hidden as the server hides it when it is read (crates/api/src/secrets.rs): by
// `***`, which the server refuses where it has nothing to put in its place, so that it is never taken for a password.

const HIDDEN = "***";
/** The same names as the server's. */
const NAMES = ["password", "passphrase", "secret", "token", "api_key", "authorization"];

/** The same with its secrets hidden. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return hidden(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) =>
    [name, typeof inner === "string" && inner !== "" && NAMES.includes(name.toLowerCase()) ? HIDDEN : withoutSecrets(inner)]));
}

/** `rtsp://me:secret@camera`. */
const LOGIN = /(:\/\/[^\s:@/'"?#[]*):[^\s/'"?#]*@/g;
/** The same while it is being typed: no `@` yet, and what stands behind the colon is no port. */
const HALF_LOGIN = /(:\/\/[^\s:@/'"?#[]+):(?!\*\*\*@|\d*(?:[\s/'"?#]|$))[^\s/'"?#]+/g;
/** In JSON that is a text, as of an instance file; without its end while it is being typed. */
const IN_JSON = new RegExp(`("(?:${NAMES.join("|")})"\\s*:\\s*")(?:[^"\\\\\\n]|\\\\.)+`, "gi");

function hidden(text: string): string {
  return text.replace(LOGIN, `$1:${HIDDEN}@`).replace(HALF_LOGIN, `$1:${HIDDEN}`).replace(IN_JSON, `$1${HIDDEN}`);
}

// What this server offers: the page may be newer or older than the server it talks to, and shows no button that would
// only say "not found".
import { useEffect, useState } from "preact/hooks";
import { get } from "./api/client";

let asked: Promise<Set<string>> | null = null;

function paths(): Promise<Set<string>> {
  asked ??= get<{ paths: Record<string, unknown> }>("/openapi.json").then(
    ({ paths }) => new Set(Object.keys(paths)),
    (error) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}

/** Whether the server has a path, as its description writes it; no until that is known. */
export function useOffers(path: string): boolean {
  const [offered, set] = useState(false);
  useEffect(() => {
    let over = false;
    paths().then((all) => over || set(all.has(path)), () => {});
    return () => { over = true; };
  }, [path]);
  return offered;
}

// Where one is: `#/instances/ID/export`. Kept behind `#`, so that the server needs no rules for it.
import { signal } from "@preact/signals";

const read = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent).filter(Boolean);

/** The parts of the address. */
export const route = signal<string[]>(read());

addEventListener("hashchange", () => {
  route.value = read();
  scrollTo(0, 0);
});

export const to = (...parts: string[]) => `#/${parts.map(encodeURIComponent).join("/")}`;

export function go(...parts: string[]) {
  location.hash = to(...parts);
}

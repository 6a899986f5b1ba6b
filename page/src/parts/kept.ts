// What is typed and not saved yet. It outlives its screen: an expired session, a log-out and a look at another tab lose
// nothing. In memory alone, for it may hold passwords; a reload is asked about.
import { signal } from "@preact/signals";
import { useRef, useState } from "preact/hooks";

const kept = new Map<string, unknown>();
/** Counts changes, for those who show what is not saved. */
const turn = signal(0);
let owner: string | null = null;

/** Who is here now. What somebody else has typed is not theirs. */
export function keepFor(user: string | null) {
  if (user === null) return;
  if (owner !== null && owner !== user) {
    kept.clear();
    turn.value++;
  }
  owner = user;
}

export function keep(key: string, value: unknown) {
  kept.set(key, value);
  turn.value++;
}

export function forget(key: string) {
  if (kept.delete(key)) turn.value++;
}

export const held = <T>(key: string) => kept.get(key) as T | undefined;

/** Whether something is not saved there; whoever asks while rendering is rendered again when that changes. */
export const unsaved = (key: string) => turn.value >= 0 && kept.has(key);

addEventListener("beforeunload", (event) => {
  if (kept.size > 0) event.preventDefault();
});

/** As `useState`, kept under `key` while it is not what it began with. `restored`: it was there from before. */
export function useKept<T>(key: string, initial: T): [T, (next: T | ((old: T) => T)) => void, boolean] {
  const [value, set] = useState<T>(() => held<T>(key) ?? initial);
  const restored = useRef(kept.has(key));
  const latest = useRef(value);
  const change = (next: T | ((old: T) => T)) => {
    latest.current = typeof next === "function" ? (next as (old: T) => T)(latest.current) : next;
    // Also after its screen has gone: a save that was under way then lets go of it here.
    if (JSON.stringify(latest.current) === JSON.stringify(initial)) {
      restored.current = false;
      forget(key);
    } else keep(key, latest.current);
    set(latest.current);
  };
  return [value, change, restored.current];
}

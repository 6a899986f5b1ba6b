// What is typed and not saved yet. An expired session, a log-out, a look at another tab, a closed dialog and a reload lose
// nothing of it. Memory has all of it; the tab's own storage, which outlives a reload, has it without passwords.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { withoutSecrets } from "./secrets";

interface Kept {
  value: unknown;
  /** Of a dialog that was closed: it is kept for whoever opens it again, and holds nobody back who leaves. */
  closed?: boolean;
  /** It has come over a reload, and its passwords have not. */
  cut?: boolean;
}

/** With a number that changes when what is kept changes its form: a page that is newer does not stumble over it. */
const STORED = "watchpost/unsaved/1/";
const OWNER = "watchpost/unsaved-of";
/** Browsers keep 5 MB for a page. Instance files have some kB; one that is larger than this is kept in memory alone. */
const MOST_CHARS = 500_000;

const kept = stored();
/** Counts changes, for those who show what is not saved. */
const turn = signal(0);
let owner = tried(() => sessionStorage.getItem(OWNER)) ?? null;

/** Where a browser lets pages store nothing, memory has it until the reload. */
function tried<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}

function stored(): Map<string, Kept> {
  const found = new Map<string, Kept>();
  tried(() => {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith(STORED)) found.set(name.slice(STORED.length), JSON.parse(sessionStorage.getItem(name) ?? "") as Kept);
    }
  });
  return found;
}

function store(key: string, entry: Kept, hide: (value: unknown) => unknown) {
  tried(() => {
    const value = hide(entry.value);
    const cut = entry.cut || JSON.stringify(value) !== JSON.stringify(entry.value);
    const text = JSON.stringify({ ...entry, value, cut });
    if (text.length <= MOST_CHARS) sessionStorage.setItem(STORED + key, text);
    else sessionStorage.removeItem(STORED + key);
  });
}

/** Who is here now. What somebody else has typed is not theirs. */
export function keepFor(user: string | null) {
  if (user === null) return;
  if (owner !== null && owner !== user) for (const key of [...kept.keys()]) forget(key);
  owner = user;
  tried(() => sessionStorage.setItem(OWNER, user));
}

/** `hide` takes out what may not be stored. */
export function keep(key: string, value: unknown, hide = withoutSecrets) {
  const entry: Kept = { value, ...(isCut(key) ? { cut: true } : {}) };
  kept.set(key, entry);
  store(key, entry, hide);
  turn.value++;
}

export function forget(key: string) {
  if (!kept.delete(key)) return;
  tried(() => sessionStorage.removeItem(STORED + key));
  turn.value++;
}

export const held = <T>(key: string) => kept.get(key)?.value as T | undefined;

/** Whether it has lost its passwords over a reload. */
export const isCut = (key: string) => kept.get(key)?.cut === true;

/** Whether something is not saved there; whoever asks while rendering is rendered again when that changes. */
export const unsaved = (key: string) => turn.value >= 0 && kept.has(key);

/** Whether something is not saved there, or in one of its parts. */
export const unsavedIn = (key: string) => turn.value >= 0 && [...kept.keys()].some(within(key));

/** The dialog of this draft, or of one of its parts, that was taken away without being closed: its key. */
export const leftOpen = (key: string) => [...kept].find(([one, { closed }]) => !closed && within(key)(one))?.[0];

const within = (key: string) => (one: string) => one === key || one.startsWith(`${key}/`);

/** A dialog is closed, or open again. What was typed stays. */
export function setClosed(key: string, closed: boolean, hide = withoutSecrets) {
  const entry = kept.get(key);
  if (!entry || (entry.closed ?? false) === closed) return;
  entry.closed = closed;
  store(key, entry, hide);
  turn.value++;
}

addEventListener("beforeunload", (event) => {
  if ([...kept.values()].some(({ closed }) => !closed)) event.preventDefault();
});

/** As `useState`, kept under `key` while it is not what it began with. `restored`: it was there from before. */
export function useKept<T>(key: string, initial: T, hide = withoutSecrets): [T, (next: T | ((old: T) => T)) => void, boolean] {
  const [value, set] = useState<T>(() => held<T>(key) ?? initial);
  const restored = useRef(kept.has(key));
  const latest = useRef(value);
  const change = (next: T | ((old: T) => T)) => {
    latest.current = typeof next === "function" ? (next as (old: T) => T)(latest.current) : next;
    // Also after its screen has gone: a save that was under way then lets go of it here.
    if (JSON.stringify(latest.current) === JSON.stringify(initial)) {
      restored.current = false;
      forget(key);
    } else keep(key, latest.current, hide);
    set(latest.current);
  };
  return [value, change, restored.current];
}

/** What is typed into a dialog, with what its two ways out do: `aside` keeps it for when it is opened again. */
export interface Draft<T> {
  value: T;
  change: (next: Partial<T>) => void;
  restored: boolean;
  dirty: boolean;
  aside: () => void;
  drop: () => void;
}

export function useDraft<T extends object>(key: string, initial: T): Draft<T> {
  const [value, set, restored] = useKept(key, initial);
  /** After this nothing that was under way brings it back. */
  const over = useRef(false);
  useEffect(() => setClosed(key, false), [key]);
  return {
    value,
    change: (next) => over.current || set((old) => ({ ...old, ...next })),
    restored,
    dirty: unsaved(key),
    aside: () => setClosed(key, true),
    drop: () => { over.current = true; forget(key); },
  };
}

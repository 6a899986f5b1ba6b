// What all screens share: who asks, the instances as they are now, tables that never change.
import { signal } from "@preact/signals";
import { api } from "./api";
import { told } from "./api/client";
import { announceChanges } from "./parts/announce";
import { keepFor } from "./parts/kept";
import type { InstanceList, Session } from "./api/types";

export const session = signal<Session | null>(null);
/** The server wants a name and a password. */
export const locked = signal(false);

export const instances = signal<InstanceList | null>(null);
/** When that was the truth, in ms of `performance.now()`; and why it is not now. */
export const instancesAt = signal(0);
export const unreachable = signal<string | null>(null);

/** Between two looks at all instances. Counters move once a second; more is noise. */
const EVERY_MS = 1000;
/** While nobody looks: the title still tells of problems. */
const HIDDEN_EVERY_MS = 15_000;

let timer: ReturnType<typeof setTimeout> | undefined;

/** Looks now, and then again and again. */
export async function refresh() {
  clearTimeout(timer);
  try {
    // Before anything is shown: what was typed before a reload may be somebody else's.
    if (!session.value) await askWho();
    if (!locked.value) {
      const list = await api.instances();
      announceChanges(instances.value, list);
      instances.value = list;
      instancesAt.value = performance.now();
      unreachable.value = null;
    }
  } catch (error) {
    if (!locked.value) unreachable.value = told(error);
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
}
document.addEventListener("visibilitychange", () => !document.hidden && timer !== undefined && void refresh());

export async function askWho() {
  const who = await api.session();
  keepFor(who.user ?? null);
  session.value = who;
  locked.value = who.role === "public";
}

/** Whether the one who asks may do what takes that role. */
export function may(role: "operator" | "admin") {
  const own = session.value?.role;
  return own === "admin" || own === role;
}

/** Something the server says once and for all. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => {
    answer ??= ask().catch((error) => {
      answer = null;
      throw error;
    });
    return answer;
  };
}

export const formats = once(() => api.formats());
export const streams = once(() => api.streams());
export const schemas = once(() => api.schemas());

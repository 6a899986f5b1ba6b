// What screen readers hear: a change of state, once. Counters that tick are silent.
import { signal } from "@preact/signals";
import type { InstanceList } from "../api/types";

export const spoken = signal("");

export function announce(text: string) {
  // The same words twice are two things that happened.
  spoken.value = spoken.value === text ? `${text}\u00a0` : text;
}

export function announceChanges(before: InstanceList | null, now: InstanceList) {
  if (!before) return;
  const old = new Map(before.instances.map((instance) => [instance.id, instance]));
  const news: string[] = [];
  for (const instance of now.instances) {
    const was = old.get(instance.id);
    if (!was) {
      news.push(`${instance.name} was added`);
      continue;
    }
    if (was.state !== instance.state) news.push(`${instance.name} is ${instance.state}`);
    const states = new Map(was.exports.map((receiver) => [receiver.name, receiver.state]));
    for (const receiver of instance.exports) {
      const state = states.get(receiver.name);
      if (state !== undefined && state !== receiver.state) news.push(`${instance.name}, ${receiver.name}: ${receiver.state}`);
    }
  }
  if (news.length > 0) announce(news.slice(0, 5).join(". "));
}

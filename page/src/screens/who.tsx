// Who is logged in, and the way out.
import { api } from "../api";
import { Menu } from "../parts/dialog";
import { askWho, locked, session } from "../state";

export function Who() {
  const who = session.value;
  if (!who?.user || locked.value) return null;
  const out = async () => {
    await api.logOut();
    await askWho();
    locked.value = true;
  };
  return <span class="line">{who.user}<span class="badge">{who.role}</span><Menu label="Account" sign="▾" items={[{ label: "Log out", onDo: () => void out() }]} /></span>;
}

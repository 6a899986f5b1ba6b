// System: health, disk, journal; users and tokens; what was changed by whom; the log.
import { api } from "../../api";
import type { Json, JsonObject } from "../../api/types";
import { Age, Copy, Failure, Loading, pretty } from "../../parts/basic";
import { Tabs } from "../../parts/dialog";
import { useAsked } from "../../parts/hooks";
import { bytes, clock, count, span } from "../../parts/text";
import { go, route, to } from "../../route";
import { instances } from "../../state";
import { Doctor } from "./doctor";
import { LogTail } from "./log";
import { People } from "./people";

const TABS: [string, string][] = [["health", "Health"], ["users", "Users and tokens"], ["audit", "Audit log"], ["log", "Log"]];

export function SystemScreen() {
  const [, wanted = "health"] = route.value;
  const tab = TABS.some(([name]) => name === wanted) ? wanted : "health";
  return (
    <>
      <div class="spread"><h1>System</h1><a href={to("integrations")}>Integrations</a></div>
      <Tabs label="System" tabs={TABS} chosen={tab} onChoose={(next) => go("system", next)} />
      <div role="tabpanel" id="tabpanel" aria-labelledby={`tab-${tab}`} class="stack">
        {tab === "health" ? <Health /> : tab === "users" ? <People /> : tab === "audit" ? <Audit /> : <LogTail />}
      </div>
    </>
  );
}

function Health() {
  const { value, error, at, again } = useAsked(() => api.system(), [], 2000);
  if (error && !value) return <Failure error={error} onAgain={() => void again()} />;
  if (!value) return <Loading what="the system" />;
  // A list of words is one value; anything else with parts is a card of its own.
  const isPlain = (inner: Json) => inner === null || typeof inner !== "object" || (Array.isArray(inner) && inner.every((one) => typeof one === "string"));
  const groups = Object.entries(value).filter(([, inner]) => !isPlain(inner));
  const plain = Object.entries(value).filter(([, inner]) => isPlain(inner));
  return (
    <>
      <div class="spread"><Age at={at} hideBelowMs={4000} /><Copy text={() => pretty(value)} label="Copy as JSON" /></div>
      <Doctor />
      <div class="cards">
        <Facts title="Watchpost" facts={plain} />
        {groups.map(([name, inner]) => <Facts key={name} title={words(name)} facts={flat(inner as JsonObject | Json[])} />)}
      </div>
    </>
  );
}

function flat(value: JsonObject | Json[]): [string, Json][] {
  if (Array.isArray(value)) return value.map((inner, n) => [inner && typeof inner === "object" && !Array.isArray(inner) && typeof inner.name === "string" ? inner.name : String(n + 1), inner]);
  return Object.entries(value);
}

function Facts({ title, facts }: { title: string; facts: [string, Json][] }) {
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      {facts.length === 0 && <p class="soft">Nothing</p>}
      <table><tbody>{facts.map(([name, value]) => <tr key={name}><th scope="row">{words(name)}</th><td>{said(name, value)}</td></tr>)}</tbody></table>
    </section>
  );
}

/** Names that say too little by themselves. */
const NAMES: { [name: string]: string } = {
  tls: "TLS", unusable: "Instance files that cannot be used", data: "Data folder", memory_bytes: "Memory in use", addresses: "Listens on", free_bytes: "Free", total_bytes: "Size",
};

const words = (name: string) => {
  if (NAMES[name]) return NAMES[name];
  const text = name.replace(/_(bytes|ms|s)$/, "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** Units are last in names. */
function said(name: string, value: Json): string {
  if (value === null) return "unknown";
  if (typeof value === "number") {
    if (name.endsWith("bytes")) return bytes(value);
    if (name.endsWith("_ms")) return name.includes("time") || name.includes("at_") ? clock(value) : span(value);
    if (name.endsWith("_s")) return span(value * 1000);
    return count(value);
  }
  if (Array.isArray(value)) return value.map((inner) => said(name, inner)).join(", ") || "none";
  if (typeof value === "object") return Object.entries(value).map(([key, inner]) => `${words(key).toLowerCase()} ${said(key, inner)}`).join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value;
}

/** With the instance's name in place of its id. */
function whose(path: string): string {
  const short = path.replace(/^\/api\/v1/, "");
  const own = instances.value?.instances.find(({ id }) => short.includes(id));
  try {
    return decodeURIComponent(own ? short.replace(own.id, own.name) : short);
  } catch {
    return short;
  }
}

function Audit() {
  const { value, error, at, again } = useAsked(() => api.audit(), [], 5000);
  if (error && !value) return <Failure error={error} onAgain={() => void again()} />;
  if (!value) return <Loading what="the audit log" />;
  if (value.entries.length === 0) return <p class="soft">Nothing was changed yet. Who changes what will stand here.</p>;
  return (
    <><Age at={at} hideBelowMs={10_000} /><div class="scroll" tabIndex={0} role="region" aria-label="Audit log"><table>
      <thead><tr>{["Time", "User", "Role", "Action", "What", "Answer", "From"].map((head) => <th key={head} scope="col">{head}</th>)}</tr></thead>
      <tbody>{value.entries.map((entry, n) => (
        <tr key={n}><td>{clock(entry.time as string | number)}</td><td>{String(entry.user ?? "this machine")}</td><td>{String(entry.role ?? "")}</td><td>{String(entry.action ?? "")}</td>
          <td><code title={String(entry.path ?? "")}>{whose(String(entry.path ?? ""))}</code></td><td>{String(entry.status ?? "")}</td><td>{String(entry.address ?? "")}</td></tr>
      ))}</tbody>
    </table></div></>
  );
}

// System → Integrations: exporters, their settings, who uses them.
import { api } from "../../api";
import { said } from "../../api/client";
import type { Integration, Json, JsonObject, Setting } from "../../api/types";
import { Age, Button, Empty, Failure, Loading, Problems, Restored } from "../../parts/basic";
import { useAsked, useDoing } from "../../parts/hooks";
import { useKept } from "../../parts/kept";
import { withoutSecrets } from "../../parts/secrets";
import { Check, Select, Text } from "../../forms/field";
import { to } from "../../route";
import { ConformanceTest } from "./conformance";
import { Used } from "./used";
import { plural } from "../../parts/text";
import { may } from "../../state";

export function IntegrationsScreen() {
  const asked = useAsked(() => api.integrations(), [], 5000);
  return (
    <>
      <div class="spread"><h1>Integrations</h1><Age at={asked.at} hideBelowMs={10_000} /></div>
      <p class="soft">Exporters: programs that are fed records on standard input. Their settings are for all instances; each instance switches them on under its own Export tab.</p>
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      {!asked.value && !asked.error && <Loading what="integrations" />}
      {asked.value?.length === 0 && <Empty><p>No exporter is installed. <code>watchpost exporter new NAME --language python</code> makes one, ready to be changed.</p></Empty>}
      <div class="stack">{asked.value?.map((one) => <Card key={one.name} exporter={one} onChanged={() => void asked.again()} />)}</div>
    </>
  );
}

function Card({ exporter, onChanged }: { exporter: Integration; onChanged: () => void }) {
  const { name, description, folder, problems, events, command } = exporter;
  const instances = exporter.instances.filter(({ status }) => status?.state !== "disabled");
  const taken = Object.entries(events).filter(([, versions]) => versions.some((version) => version > 0));
  return (
    <section class="card" aria-label={name} data-integration={name} id={`exporter-${name}`}>
      <div><h2>{name}</h2><p class="soft">{description}</p></div>
      <Problems problems={problems} />
      <div class="integration">
        <div class="stack">
          {exporter.settings.length > 0 ? <Settings exporter={exporter} onSaved={onChanged} /> : <p class="soft">It has no settings.</p>}
          <details><summary>Takes {plural(taken.length, "kind")} of records</summary>
            <ul class="pills">{taken.map(([id, versions]) => <li key={id}><a href={to("schemas", id)}>{id}</a> <span class="soft">version {versions.filter((version) => version > 0).join(", ")}</span></li>)}</ul></details>
          <details><summary>How it is run</summary><p><code>{command}</code></p><p class="soft small">in <code>{folder}</code></p></details>
        </div>
        <div class="stack">
          <h3>Used by</h3>
          {instances.length === 0 && <p class="soft">No instance uses it yet. Switch it on under an <a href={to("instances")}>instance</a>'s Export tab.</p>}
          <ul class="stack">{instances.map((one) => <Used key={one.id} exporter={name} use={one} onChanged={onChanged} />)}</ul>
          <ConformanceTest name={name} folder={folder} />
        </div>
      </div>
    </section>
  );
}

function Settings({ exporter, onSaved }: { exporter: Integration; onSaved: () => void }) {
  // An empty field keeps the secret that is there.
  const withoutOwn = (value: unknown) => Object.fromEntries(Object.entries(withoutSecrets(value) as JsonObject)
    .filter(([name]) => exporter.settings.find((setting) => setting.name === name)?.type !== "secret"));
  const [changed, setChanged, restored] = useKept<JsonObject>(`settings/${exporter.name}`, {}, withoutOwn);
  const doing = useDoing();
  const value = (setting: Setting): Json | undefined => changed[setting.name] ?? (setting.type === "secret" ? "" : setting.value) ?? setting.default;
  const set = (name: string) => (next: Json) => setChanged((old) => ({ ...old, [name]: next }));
  const wrong = (name: string) => said(doing.problems.find(({ path }) => path.endsWith(`/${name}`)));
  const elsewhere = doing.problems.filter(({ path }) => !exporter.settings.some(({ name }) => path.endsWith(`/${name}`)));
  const save = () => doing.run(async () => {
    const known: JsonObject = {};
    for (const { name, type, value } of exporter.settings) if (type !== "secret" && value !== undefined && value !== null) known[name] = value;
    await api.saveSettings(exporter.name, { ...known, ...changed });
    setChanged({});
    onSaved();
  });
  const admin = may("admin");
  return (
    <form noValidate class="stack" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      {restored && Object.keys(changed).length > 0 && <Restored what="changes" of={`settings/${exporter.name}`} />}
      <div class="fields">
        {exporter.settings.map((setting) => <SettingField key={setting.name} setting={setting} value={value(setting)} onChange={set(setting.name)} wrong={wrong(setting.name)}
          secretSet={setting.is_set === true} locked={!admin} />)}
      </div>
      <Problems problems={elsewhere} onDismiss={doing.clear} />
      <div class="line">
        <Button class="main" type="submit" busy={doing.busy} disabled={!admin || Object.keys(changed).length === 0}>Save</Button>
        {Object.keys(changed).length > 0 && <Button onClick={() => { setChanged({}); doing.clear(); }}>Discard</Button>}
        <span class="soft small">{admin ? "Saving restarts only this exporter" : "Only an admin may change this"}</span>
      </div>
    </form>
  );
}

function SettingField({ setting, value, onChange, wrong, secretSet, locked }: { setting: Setting; value: Json | undefined; onChange: (value: Json) => void; wrong: string | undefined; secretSet: boolean; locked: boolean }) {
  const { type, label, min, max, step, options = [], default: otherwise } = setting;
  const help = otherwise !== undefined && otherwise !== "" && otherwise !== null && type !== "checkbox" ? `Default: ${String(otherwise)}` : undefined;
  switch (type) {
    case "checkbox": return <Check label={label} checked={value === true} onChange={onChange} wrong={wrong} disabled={locked} />;
    case "combobox": return <Select label={label} help={help} value={String(value ?? "")} options={options.map((option) => [option, option])} onChange={onChange} wrong={wrong} disabled={locked} />;
    case "int_range":
    case "float_range":
      return <Text label={label} help={`${min} to ${max}. ${help ?? ""}`} type="number" min={min ?? undefined} max={max ?? undefined} step={step ?? (type === "int_range" ? 1 : "any")} value={value === undefined || value === null ? "" : String(value)}
        onChange={(next) => onChange(next === "" ? null : Number(next))} wrong={wrong} disabled={locked} />;
    case "secret":
      return <Text label={label} type="password" autocomplete="new-password" value={typeof value === "string" ? value : ""} placeholder={secretSet ? "set; empty keeps it" : "not set"} onChange={onChange} wrong={wrong} help="Can be written, never read" disabled={locked} />;
    default: return <Text label={label} help={help} value={String(value ?? "")} onChange={onChange} wrong={wrong} disabled={locked} />;
  }
}

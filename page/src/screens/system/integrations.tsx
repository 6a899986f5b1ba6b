// System → Integrations: exporters, their settings, who uses them.
import { useState } from "preact/hooks";
import { api } from "../../api";
import { said } from "../../api/client";
import type { Integration, Json, JsonObject, Setting } from "../../api/types";
import { Button, Copy, Empty, Failure, Loading, Problems, State } from "../../parts/basic";
import { useAsked, useDoing } from "../../parts/hooks";
import { Check, Select, Text } from "../../forms/field";
import { to } from "../../route";
import { may } from "../../state";

export function IntegrationsScreen() {
  const asked = useAsked(() => api.integrations(), [], 5000);
  return (
    <>
      <h1>Integrations</h1>
      <p class="soft">Exporters: programs that are fed records on standard input. Their settings are for all instances; each instance switches them on under its own Export tab.</p>
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      {!asked.value && !asked.error && <Loading what="integrations" />}
      {asked.value?.length === 0 && <Empty><p>No exporter is installed. <code>watchpost exporter new NAME --language python</code> makes one, ready to be changed.</p></Empty>}
      <div class="cards">{asked.value?.map((one) => <Card key={one.name} exporter={one} onSaved={() => void asked.again()} />)}</div>
    </>
  );
}

function Card({ exporter, onSaved }: { exporter: Integration; onSaved: () => void }) {
  const { name, description, folder, problems, events, command } = exporter;
  const instances = exporter.instances.filter(({ status }) => status?.state !== "disabled");
  const taken = Object.entries(events).filter(([, versions]) => versions.some((version) => version > 0));
  return (
    <section class="card" aria-label={name} data-integration={name}>
      <h2>{name}</h2>
      <p>{description}</p>
      <Problems problems={problems} />
      {exporter.settings.length > 0 ? <Settings exporter={exporter} onSaved={onSaved} /> : <p class="soft">It has no settings.</p>}
      <details><summary>Takes {taken.length} kinds of records</summary>
        <ul>{taken.map(([id, versions]) => <li key={id}><code>{id}</code> <span class="soft">version {versions.join(", ")}</span></li>)}</ul></details>
      <details><summary>How it is run</summary><p><code>{command}</code></p><p class="soft small">in <code>{folder}</code></p></details>
      <details><summary>Conformance test</summary><div class="line"><code>{`watchpost exporter test ${folder}`}</code><Copy text={() => `watchpost exporter test ${folder}`} /></div><p class="soft small">On the server: everything that an exporter must be able to take, against the real thing.</p></details>
      <h3>Used by</h3>
      {instances.length === 0 && <p class="soft">No instance has switched it on. Under an instance's Export tab it can be.</p>}
      <ul class="stack">
        {instances.map((one) => (
          <li key={one.id} class="stack" style={{ gap: "4px" }}>
            <div class="spread"><a href={to("instances", one.id, "export")}>{one.name}</a>{one.status && <State state={one.status.state} />}</div>
            {one.status?.problem && <span class="state warn" style={{ whiteSpace: "normal" }}>{one.status.problem}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Settings({ exporter, onSaved }: { exporter: Integration; onSaved: () => void }) {
  const [changed, setChanged] = useState<JsonObject>({});
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
      <div class="fields">
        {exporter.settings.map((setting) => <SettingField key={setting.name} setting={setting} value={value(setting)} onChange={set(setting.name)} wrong={wrong(setting.name)}
          secretSet={setting.is_set === true} locked={!admin} />)}
      </div>
      <Problems problems={elsewhere} onDismiss={doing.clear} />
      <div class="line">
        <Button class="main" type="submit" busy={doing.busy} disabled={!admin || Object.keys(changed).length === 0}>Save</Button>
        {Object.keys(changed).length > 0 && <Button onClick={() => setChanged({})}>Discard</Button>}
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

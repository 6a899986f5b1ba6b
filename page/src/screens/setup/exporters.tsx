// Exporters of an instance: on or off, and how they are. Their settings are global: System → Integrations.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { EnabledExporter, Instance } from "../../api/types";
import { Empty, Failure, Loading, Problems, State } from "../../parts/basic";
import { announce } from "../../parts/announce";
import { Menu } from "../../parts/dialog";
import { useAsked, useDoing } from "../../parts/hooks";
import { useOffers } from "../../offers";
import { to } from "../../route";
import { may, refresh } from "../../state";
import { Counters } from "../exports/row";
import { Deliveries, DELIVERIES } from "../exports/deliveries";
import { Output, OUTPUT } from "../exports/output";
import { RESTART } from "../system/used";
import { Letters } from "../exports/letters";

export function Exporters({ instance }: { instance: Instance }) {
  const asked = useAsked(() => api.exportersOf(instance.id), [instance.id], 5000);
  return (
    <section class="stack" aria-labelledby="exporters">
      <h2 id="exporters">Exporters</h2>
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      {!asked.value && !asked.error && <Loading what="exporters" />}
      {asked.value?.length === 0 && <Empty><p>Here will be programs that are fed this instance's records. None is installed: an exporter is a folder with a manifest in <code>exporters/</code> of the data folder, and <code>watchpost exporter new NAME --language python</code> makes one.</p></Empty>}
      {asked.value && asked.value.length > 0 && (
        <ul class="exports">{asked.value.map((exporter) => <Row key={exporter.name} instance={instance} exporter={exporter} onChanged={asked.again} />)}</ul>
      )}
    </section>
  );
}

function Row({ instance, exporter, onChanged }: { instance: Instance; exporter: EnabledExporter; onChanged: () => Promise<void> }) {
  const doing = useDoing();
  const [open, setOpen] = useState<"letters" | "deliveries" | "output" | null>(null);
  const remembers = useOffers(DELIVERIES);
  const speaks = useOffers(OUTPUT);
  const restarts = useOffers(RESTART);
  const { name, description, installed } = exporter;
  // What was clicked holds until the server has said how it is.
  const [wanted, setWanted] = useState<boolean | null>(null);
  const on = wanted ?? exporter.switch !== "off";
  const status = instance.exports.find((receiver) => receiver.name === name) ?? exporter.status;
  const turn = async (to: "on" | "off" | "paused") => {
    setWanted(to !== "off");
    await doing.run(() => api.switchExporter(instance.id, name, to));
    await Promise.all([onChanged(), refresh()]);
    setWanted(null);
  };
  const restart = async () => {
    if (await doing.run(() => api.restartExporter(instance.id, name))) announce(`${name} was restarted`);
    await Promise.all([onChanged(), refresh()]);
  };
  const missing = exporter.not_agreed ?? [];
  const id = `exporter-${name}`;
  return (
    <li class="export exporter" data-exporter={name}>
      <div class="check">
        <input type="checkbox" id={id} checked={on} disabled={doing.busy || !may("operator")} onChange={(event) => void turn(event.currentTarget.checked ? "on" : "off")} />
        <label for={id}><strong>{name}</strong> {!installed && <span class="badge">not installed</span>} {on && status && <State state={status.state} />}</label>
        <span class="help soft small">{installed ? description : `Its folder is missing in exporters/: put it there, and it starts`}</span>
        {on && status && <div style={{ gridColumn: 2 }}><Counters status={status} /></div>}
        {on && missing.length > 0 && <span class="state warn small" style={{ gridColumn: 2, whiteSpace: "normal" }}>Never sent, for it takes no version that exists: {missing.join(", ")}</span>}
      </div>
      <div class="act line">
        <a href={to("integrations", name)}>settings</a>
        {on && <Menu label={`More of ${name}`} items={[
          exporter.switch === "paused" ? { label: "Go on", onDo: () => void turn("on") } : { label: "Pause", onDo: () => void turn("paused") },
          ...(remembers ? [{ label: "Last deliveries and errors", onDo: () => setOpen("deliveries") }] : []),
          { label: "Dead letters", onDo: () => setOpen("letters") },
          ...(speaks ? [{ label: "Last output", disabled: !may("operator"), onDo: () => setOpen("output") }] : []),
          ...(restarts ? [{ label: "Restart", disabled: !may("operator"), onDo: () => void restart() }] : []),
        ]} />}
      </div>
      <div class="full"><Problems problems={doing.problems} onDismiss={doing.clear} /></div>
      {open === "letters" && <Letters instance={instance} name={name} onClose={() => setOpen(null)} />}
      {open === "output" && <Output instance={instance.id} name={name} onClose={() => setOpen(null)} />}
      {open === "deliveries" && <Deliveries instance={instance} name={name} onClose={() => setOpen(null)} />}
    </li>
  );
}

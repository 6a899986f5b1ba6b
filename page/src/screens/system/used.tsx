// One instance that uses an exporter: how it does there, which versions were agreed, what it has said, a restart.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Integration } from "../../api/types";
import { Button, Problems, State } from "../../parts/basic";
import { announce } from "../../parts/announce";
import { useDoing } from "../../parts/hooks";
import { useOffers } from "../../offers";
import { to } from "../../route";
import { may } from "../../state";
import { Counters } from "../exports/row";
import { OUTPUT, OutputLines } from "../exports/output";

type Use = Integration["instances"][number];

export const RESTART = "/api/v1/instances/{id}/exporters/{name}/restart";

export function Used({ exporter, use, onChanged }: { exporter: string; use: Use; onChanged: () => void }) {
  const [open, setOpen] = useState(false);
  const doing = useDoing();
  const restarts = useOffers(RESTART);
  const { id, name, status } = use;
  const restart = () => void doing.run(async () => {
    await api.restartExporter(id, exporter);
    announce(`${exporter} of ${name} was restarted`);
    onChanged();
  });
  return (
    <li class="use" data-use={name}>
      <div class="spread">
        <span class="line"><a href={to("instances", id, "export")}>{name}</a>{status && <State state={status.state} />}</span>
        {restarts && <Button busy={doing.busy} busyText="Restarting…" disabled={!may("operator")} aria-label={`Restart it for ${name}`} onClick={restart}>Restart</Button>}
      </div>
      {status && <Counters status={status} />}
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Versions and last output</summary>
        <div class="stack"><Versions use={use} />{open && <Said instance={id} exporter={exporter} />}</div>
      </details>
    </li>
  );
}

function Said({ instance, exporter }: { instance: string; exporter: string }) {
  return useOffers(OUTPUT) && may("operator") ? <><h4>Last output</h4><OutputLines instance={instance} name={exporter} /></> : null;
}

function Versions({ use }: { use: Use }) {
  const agreed = Object.entries(use.agreed ?? {});
  const missing = use.not_agreed ?? [];
  return (
    <>
      <h4>Versions agreed</h4>
      {agreed.length === 0 && missing.length === 0 && <p class="soft small">None now: they are agreed when it is started.</p>}
      {agreed.length > 0 && (
        <ul class="pills" data-agreed="">{agreed.map(([id, version]) => <li key={id}><a href={to("schemas", id, String(version))}>{id}</a> <span class="soft">version {version}</span></li>)}</ul>
      )}
      {missing.length > 0 && (
        <div class="note warn" data-not-agreed=""><span>Never sent, for there is no version that both know: {missing.map((id) => <code key={id}>{id} </code>)}</span>
          <span class="soft">Its manifest lists the versions it takes; those that exist are under <a href={to("schemas")}>Schemas</a>.</span></div>
      )}
    </>
  );
}

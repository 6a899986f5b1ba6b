// What an exporter's process has said last, and its restart.
import { useState } from "preact/hooks";
import { get, post } from "../../api/client";
import { Button, Failure, Problems } from "../../parts/basic";
import { useAsked, useDoing } from "../../parts/hooks";
import { clock } from "../../parts/text";
import { may, refresh } from "../../state";

interface Lines { lines: { at_ms?: number; text: string }[] }

export function OutputLines({ instance, exporter }: { instance: string; exporter: string }) {
  const [open, setOpen] = useState(false);
  const doing = useDoing();
  const path = `/api/v1/instances/${encodeURIComponent(instance)}/exporters/${encodeURIComponent(exporter)}`;
  const restart = () => void doing.run(() => post(`${path}/restart`)).then(refresh);
  return (
    <div class="stack" style={{ gap: "4px" }}>
      <div class="line">
        <Button class="plain" aria-expanded={open} onClick={() => setOpen(!open)}>Last output</Button>
        <Button class="plain" busy={doing.busy} disabled={!may("operator")} onClick={restart}>Restart</Button>
      </div>
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      {open && <Said path={`${path}/output`} />}
    </div>
  );
}

function Said({ path }: { path: string }) {
  const { value, error } = useAsked(() => get<Lines>(path), [path], 2000);
  if (error) return <Failure error={error} />;
  if (!value) return null;
  if (value.lines.length === 0) return <p class="soft">It has said nothing yet.</p>;
  return <pre tabIndex={0}>{value.lines.map(({ at_ms, text }) => `${at_ms ? `${clock(at_ms)} ` : ""}${text}`).join("\n")}</pre>;
}

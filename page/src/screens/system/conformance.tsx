// Whether an exporter takes everything that it may be sent: the conformance kit, run by the server.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Conformance } from "../../api/types";
import { Button, Copy, Problems } from "../../parts/basic";
import { announce } from "../../parts/announce";
import { useDoing, useTick } from "../../parts/hooks";
import { plural, span } from "../../parts/text";
import { useOffers } from "../../offers";
import { may } from "../../state";

const TEST = "/api/v1/exporters/{name}/test";

export function ConformanceTest({ name, folder }: { name: string; folder: string }) {
  const offered = useOffers(TEST);
  const [result, setResult] = useState<Conformance | null>(null);
  const [began, setBegan] = useState(0);
  const doing = useDoing();
  const run = () => {
    setResult(null);
    setBegan(performance.now());
    void doing.run(async () => {
      const found = await api.testExporter(name);
      setResult(found);
      announce(`The conformance test of ${name} ${found.passed ? "passed" : "failed"}`);
    });
  };
  const failed = result?.rows.filter(({ ok }) => !ok).length ?? 0;
  const command = `watchpost exporter test ${folder}`;
  return (
    <details data-conformance="">
      <summary>Conformance test</summary>
      <div class="stack">
        <p class="soft small">Starts it beside what runs and sends it everything an exporter must be able to take: all its kinds and versions, large crops, bursts, a pause, a restart. It may write to where its settings say.</p>
        {offered && (
          <div class="line">
            <Button busy={doing.busy} busyText="Testing…" disabled={!may("admin")} onClick={run}>Run the conformance test</Button>
            {doing.busy ? <Since at={began} /> : !may("admin") && <span class="soft small">Only an admin may run it</span>}
          </div>
        )}
        <Problems problems={doing.problems} onDismiss={doing.clear} />
        {result && <p role="status"><span class={`state ${result.passed ? "good" : "bad"}`}>{result.passed ? "Passed" : `Failed: ${plural(failed, "row")} of ${result.rows.length}`}</span></p>}
        {result && (
          <div class="scroll" tabIndex={0} role="region" aria-label="Rows of the conformance test"><table>
            <thead><tr><th scope="col">Row</th><th scope="col">Result</th><th scope="col">Detail</th></tr></thead>
            <tbody>{result.rows.map((row) => (
              <tr key={row.name}><td>{row.name}</td><td><span class={`state ${row.result === "skipped" ? "" : row.ok ? "good" : "bad"}`}>{row.result === "skipped" ? "skipped" : row.ok ? "passed" : "failed"}</span></td><td>{row.detail}</td></tr>
            ))}</tbody>
          </table></div>
        )}
        <div class="line small"><span class="soft">In a shell:</span><code>{command}</code><Copy text={() => command} /></div>
      </div>
    </details>
  );
}

function Since({ at }: { at: number }) {
  useTick(1000);
  return <span class="soft small">{span(performance.now() - at)}; it may take a minute</span>;
}

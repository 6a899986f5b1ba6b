// The preprocess command: set, and tested against the last records, before and after side by side.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance, Json, PreprocessTest } from "../../api/types";
import { Button, JsonText, Problems, Restored, State } from "../../parts/basic";
import { useDoing } from "../../parts/hooks";
import { useKept } from "../../parts/kept";
import { Text } from "../../forms/field";
import { plural } from "../../parts/text";
import { shortened } from "../../live/data";
import { useOffers } from "../../offers";
import { may } from "../../state";
import { Counters } from "../exports/row";
import { Letters } from "../exports/letters";
import { Output, OUTPUT } from "../exports/output";
import { at, text, type Document } from "./document";

/** Some lines above what differs. */
const ABOVE_PX = 80;

export function Preprocess({ instance, document }: { instance: Instance; document: Document }) {
  const saved = text(at(document.value ?? {}, "Output", "preprocess_cmd"));
  const savedVersion = Number(at(document.value ?? {}, "Output", "preprocess_version") ?? 1);
  const [own, setOwn, restored] = useKept<{ command?: string; version?: number }>(`preprocess/${instance.id}`, {});
  const [test, setTest] = useState<PreprocessTest | null>(null);
  const [open, setOpen] = useState<"letters" | "output" | null>(null);
  const speaks = useOffers(OUTPUT);
  const testing = useDoing();
  const testable = useOffers("/api/v1/instances/{id}/preprocess-test");
  const saving = useDoing();
  const command = own.command ?? saved;
  const version = own.version ?? savedVersion;
  const dirty = command !== saved || version !== savedVersion;
  const allowed = may("admin");
  const type = (next: { command?: string; version?: number }) => { setOwn((old) => ({ ...old, ...next })); setTest(null); };
  const tryIt = () => testing.run(async () => { setTest(null); setTest(await api.testPreprocess(instance.id, command.trim(), version)); });
  const save = () => saving.run(async () => {
    await document.patch({ Output: { preprocess_cmd: command.trim() === "" ? null : command.trim(), preprocess_version: version } });
    setOwn({});
  });
  const status = instance.preprocess;
  return (
    <section class="stack" aria-labelledby="preprocess">
      <div class="spread"><h2 id="preprocess">Preprocess command</h2>{status && <State state={status.state} />}</div>
      {restored && dirty && <Restored what="changes" of={`preprocess/${instance.id}`} />}
      <Text label="Command" value={command} spellcheck={false} disabled={!allowed} onChange={(next) => type({ command: next })} placeholder="./filter.py"
        help={<>All records pass it before any export sees them. A program and its arguments, run without a shell; a relative path begins in the data folder.{!allowed && " Only an admin may set commands."}</>}
        beside={<>
          <select aria-label="Version of the records that it sees" value={String(version)} disabled={!allowed} onChange={(event) => type({ version: Number(event.currentTarget.value) })}>
            <option value="2">sees version 2</option>
            <option value="1">sees version 1</option>
          </select>
          {testable && <Button busy={testing.busy} busyText="Testing…" disabled={!allowed || command.trim() === ""} onClick={() => void tryIt()}>Test</Button>}
          {dirty && <Button class="main" busy={saving.busy} disabled={!allowed} onClick={() => void save()}>Save</Button>}
          {dirty && <Button onClick={() => { setOwn({}); setTest(null); saving.clear(); testing.clear(); }}>Discard</Button>}
        </>} />
      <details class="small">
        <summary>What it may do, and what it may lose</summary>
        <p class="soft">It may change, add, split or drop records; streams and pictures do not pass it. What it holds in memory when it dies is lost with it, unless it answers for
          each message (<code>preprocess_acknowledge</code> under Advanced).</p>
      </details>
      {status && <Counters status={status} />}
      {status && (
        <div class="line">
          {speaks && <Button class="plain" disabled={!may("operator")} onClick={() => setOpen("output")}>Last output</Button>}
          {status.refused > 0 && <Button class="plain" onClick={() => setOpen("letters")}>Dead letters</Button>}
        </div>
      )}
      <Problems problems={[...testing.problems, ...saving.problems]} onDismiss={() => { testing.clear(); saving.clear(); }} />
      {test && <Tried test={test} onClose={() => setTest(null)} />}
      {open === "letters" && <Letters instance={instance} name="preprocess" onClose={() => setOpen(null)} />}
      {open === "output" && <Output instance={instance.id} name="preprocess" onClose={() => setOpen(null)} />}
    </section>
  );
}

function Tried({ test, onClose }: { test: PreprocessTest; onClose: () => void }) {
  const [at, setAt] = useState(0);
  const { before, after, output, problem, took_ms, real } = test;
  const most = Math.max(before.length, after.length);
  const sides = useRef<HTMLDivElement>(null);
  // Both begin where they first differ: a record is longer than its box.
  useEffect(() => {
    const first = sides.current?.querySelector("mark");
    const top = first ? first.offsetTop - (first.closest("pre")?.offsetTop ?? 0) - ABOVE_PX : 0;
    for (const side of sides.current?.querySelectorAll("pre") ?? []) side.scrollTop = top;
  }, [test, at]);
  return (
    <div class="card" data-tried="">
      <div class="spread">
        <span role="status">{plural(before.length, "group")} in, {plural(after.length, "answer")} out, {took_ms} ms. {real ? "The last records of this instance." : "Made-up records: this instance has none yet."}</span>
        <span class="line">
          <Button disabled={at === 0} onClick={() => setAt(at - 1)}>‹ Before</Button>
          <span>{at + 1} of {Math.max(1, most)}</span>
          <Button disabled={at + 1 >= most} onClick={() => setAt(at + 1)}>Next ›</Button>
          <Button class="plain" onClick={onClose}>Close</Button>
        </span>
      </div>
      {before.length > 0 && after.length === 0 && !problem && <p class="note warn">It dropped all of them.</p>}
      <div class="two" ref={sides}>
        <div class="stack"><h3>Before</h3>{before[at] !== undefined ? <JsonText value={shortened(before[at])} against={groupOf(after[at])} /> : <p class="soft">Nothing</p>}</div>
        <div class="stack"><h3>After</h3><After answer={after[at]} before={before[at]} /></div>
      </div>
      {problem && <div class="note bad" role="alert">{problem}</div>}
      {output.length > 0 && <details open><summary>What it said besides</summary><pre tabIndex={0}>{output.join("\n")}</pre></details>}
    </div>
  );
}

/** Nothing to compare with: then nothing is marked. */
const groupOf = (answer: PreprocessTest["after"][number] | undefined) => (answer && "group" in answer ? shortened(answer.group) : undefined);

function After({ answer, before }: { answer: PreprocessTest["after"][number] | undefined; before: Json | undefined }) {
  if (!answer) return <p class="soft">Nothing</p>;
  if ("refused" in answer) {
    return <div class="note bad">It would be refused: {answer.refused}</div>;
  }
  const value: Json = answer.group;
  if (Array.isArray(value) && value.length === 0) return <p class="soft">Dropped: it answered []</p>;
  return <JsonText value={shortened(value)} against={before === undefined ? undefined : shortened(before)} />;
}

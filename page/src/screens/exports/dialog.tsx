// "Add custom export option": one dialog that grows downwards. Name, data, the formats that fit, their settings with a
// live check, a test, save. Saving applies at once.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { problemsOf, said, told } from "../../api/client";
import type { Export, ExportCheck, Format, Instance, Problem, SchemaId, Stream, TestOutcome } from "../../api/types";
import { Button, Failure, Loading, Problems, Restored } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { useAsked, useDoing, useRested } from "../../parts/hooks";
import { forget, setClosed, unsaved, useKept } from "../../parts/kept";
import { Text } from "../../forms/field";
import { SchemaForm } from "../../forms/form";
import { useOffers } from "../../offers";
import { formats, schemas, streams } from "../../state";
import { DataChoice, sampleOf } from "./data";
import { bodyOf, draftKey, draftOf, EMPTY, firstConfig, firstUri, fits, fitsOf, settingsOf, type Draft, type HeldDraft } from "./draft";
import { Outcome } from "./outcome";
import { useSeen } from "./seen";

/** A pause of the typist's. */
const REST_MS = 300;
/** Settings that are asked for elsewhere in the dialog. */
const LEAVE = ["schema_events", "script"];
/** Settings of all metadata formats: behind a fold, for few need them. */
const COMMON = new Set(["shape", "crops", "every_s", "filter", "max_per_s", "schedule", "when_behind", "behind_max", "retention", "output_image"]);

interface Tables { formats: Format[]; streams: Stream[]; schemas: SchemaId[] }

export function ExportDialog({ instance, edit, onClose, onSaved }: { instance: Instance; edit?: Export | undefined; onClose: () => void; onSaved: () => void }) {
  const tables = useAsked<Tables>(async () => {
    const [f, st, sc] = await Promise.all([formats(), streams(), schemas()]);
    return { formats: f, streams: st, schemas: sc };
  }, []);
  if (!tables.value) {
    return <Dialog title="Custom export option" onClose={onClose}>{tables.error ? <Failure error={tables.error} onAgain={() => void tables.again()} /> : <Loading what="formats" />}</Dialog>;
  }
  return <Loaded instance={instance} edit={edit} onClose={onClose} onSaved={onSaved} tables={tables.value} />;
}

/** Where it begins: empty, or as the export is. Its counters, which move, are no part of it. */
function firstDraft(edit: Export | undefined, { schemas }: Tables): HeldDraft {
  if (!edit) return { draft: EMPTY, ownUri: false };
  const { status: _, ...still } = edit;
  return { draft: draftOf(edit.name, edit, edit.format ?? null, schemas), ownUri: true, edit: still };
}

function Loaded({ instance, edit, onClose, onSaved, tables }: { instance: Instance; edit?: Export | undefined; onClose: () => void; onSaved: () => void; tables: Tables }) {
  const { id } = instance;
  const key = draftKey(id, edit?.name);
  const [{ draft, ownUri }, set, restored] = useKept(key, useRef(firstDraft(edit, tables)).current);
  useEffect(() => setClosed(key, false), [key]);
  const dirty = unsaved(key);
  const aside = () => { setClosed(key, true); onClose(); };
  const drop = () => { forget(key); onClose(); };
  const [check, setCheck] = useState<{ of?: string; result?: ExportCheck; problems: Problem[] }>({ problems: [] });
  const [outcome, setOutcome] = useState<TestOutcome | null>(null);
  const samples = useAsked(() => api.samples(id), [id]);
  const logged = sampleOf(draft, samples.value);
  const seen = useSeen(id, draft.sink, draft.ids, logged?.real === false);
  const sample = seen === null ? logged : { object: seen, real: true };
  const testing = useDoing();
  const testable = useOffers("/api/v1/instances/{id}/export-test");
  const saving = useDoing();
  const format = tables.formats.find(({ name }) => name === draft.format);
  const body = bodyOf(draft);
  const complete = draft.name.trim() !== "" && draft.sink !== null && format !== undefined && draft.uri !== "" && (draft.sink !== "" || draft.ids.length > 0);
  // One that is renamed would be in its own way under its new name.
  const name = edit?.name ?? draft.name.trim();
  const current = JSON.stringify([name, body]);
  const rested = useRested(current, REST_MS);
  const good = complete && check.of === current && check.problems.length === 0;

  const change = (next: Partial<Draft>, own = ownUri) => set((old) => {
    const now = { ...old.draft, ...next };
    const still = tables.formats.find(({ name }) => name === now.format);
    // The format has to fit what is chosen now.
    if (still && !fits(still, now)) Object.assign(now, { format: null, uri: "", config: {} });
    else if (still && !own && "name" in next) now.uri = firstUri(still, now.name, fitsOf(now));
    return { ...old, draft: now, ownUri: own };
  });
  const pick = (next: Format) => set((old) => (
    { ...old, ownUri: false, draft: { ...old.draft, format: next.name, uri: firstUri(next, old.draft.name, fitsOf(old.draft)), config: firstConfig(next) } }
  ));

  useEffect(() => setOutcome(null), [rested, complete]);
  useEffect(() => {
    if (!complete) return setCheck({ problems: [] });
    let over = false;
    const of = current;
    api.checkExport(id, name, body).then(
      (result) => over || setCheck({ of, result, problems: [] }),
      (error) => over || setCheck({ of, problems: problemsOf(error).map((problem) => ({ ...problem, path: inExport(problem.path) })) }),
    );
    return () => { over = true; };
  }, [rested, complete, seen]);

  const test = () => testing.run(async () => setOutcome(await api.tryExport(id, name, body)));
  const save = () => saving.run(async () => {
    const named = draft.name.trim();
    if (edit && edit.name !== named) await api.renameExport(id, edit.name, named);
    await api.putExport(id, named, { ...body, switch: edit?.switch ?? "on" });
    onSaved();
    drop();
  });

  const fieldPaths = new Set(["/uri", ...Object.keys(format?.settings.properties ?? {}).map((key) => `/config/${key}`)]);
  const elsewhere = check.problems.filter(({ path }) => ![...fieldPaths].some((field) => path === field || path.startsWith(`${field}/`)));
  const blocked = !complete ? "Choose a name, data and a format first" : check.problems.length > 0 ? "Something above is to be mended first" : good ? "" : "Checking…";
  const fitting = tables.formats.filter((one) => fits(one, draft));
  const taken = !edit && instance.exports.some(({ name }) => name === draft.name.trim());
  const foot = (
    <>
      <span class="why soft small" role="status">{blocked}</span>
      <Button onClick={drop}>{dirty ? "Discard" : "Cancel"}</Button>
      {testable && <Button busy={testing.busy} busyText="Sending…" disabled={!good} onClick={() => void test()}>Send a test</Button>}
      <Button class="main" busy={saving.busy} disabled={!good || taken} onClick={() => void save()}>Save</Button>
    </>
  );
  return (
    <Dialog title={edit ? `Edit ${edit.name}` : "Add custom export option"} onClose={aside} foot={foot} wide>
      {restored && dirty && <Restored what="settings" of={key} />}
      <Text label="Name" value={draft.name} onChange={(name) => change({ name })} focus placeholder="events to disk"
        wrong={taken ? "This instance has an export of that name; choose another" : undefined} help="As you will find it again; files and topics begin with it" />
      <DataChoice id={id} draft={draft} onChange={change} streams={tables.streams} schemas={tables.schemas} sample={sample} />
      {draft.sink !== null && (
        <fieldset class="stack">
          <legend>Format</legend>
          {fitting.length === 0 && <p class="soft">No format takes this.</p>}
          <div class="choices" data-formats="">
            {fitting.map((one) => (
              <label class="choice" key={one.name}>
                <input type="radio" name="format" value={one.name} checked={draft.format === one.name} onChange={() => pick(one)} />
                <span><strong>{one.title}</strong> {one.viewers && <span class="badge">viewers</span>}</span>
                <span class="soft">{one.summary.replaceAll("`", "")}</span>
              </label>
            ))}
          </div>
        </fieldset>
      )}
      {format && (
        <fieldset class="stack">
          <legend>{format.title} settings</legend>
          <Text label="Address" value={draft.uri} spellcheck={false} wrong={firstOf(check.problems, "/uri")}
            onChange={(uri) => change({ uri }, true)} help={<AddressHelp format={format} check={check.result} />} />
          <SchemaForm schema={settingsOf(format)} value={draft.config} onChange={(config) => change({ config })} path="/config" problems={check.problems} leave={LEAVE} only={(name) => !COMMON.has(name)} />
          {Object.keys(format.settings.properties ?? {}).some((name) => COMMON.has(name)) && (
            <details open={check.problems.some(({ path }) => COMMON.has(path.split("/")[2] ?? "")) || undefined}>
              <summary>Shape, pictures, filter, schedule, limits</summary>
              <SchemaForm schema={settingsOf(format)} value={draft.config} onChange={(config) => change({ config })} path="/config" problems={check.problems} leave={LEAVE} only={(name) => COMMON.has(name)} />
            </details>
          )}
        </fieldset>
      )}
      {check.result && check.result.warnings.length > 0 && (
        <div class="note warn">{check.result.warnings.map((warning) => <span key={warning.path + warning.message}>{warning.message} <span class="soft">{warning.fix}</span></span>)}</div>
      )}
      {complete && <Problems problems={elsewhere} />}
      <Outcome outcome={outcome} />
      <Problems problems={[...testing.problems, ...saving.problems]} onDismiss={() => { testing.clear(); saving.clear(); }} />
      {samples.error && <p class="soft small">No samples: {told(samples.error)}</p>}
    </Dialog>
  );
}

function AddressHelp({ format, check }: { format: Format; check: ExportCheck | undefined }) {
  const isFile = new RegExp(`^${format.name}:///`).test(format.example.uri);
  return (
    <>
      {check?.path_preview != null
        ? <span data-preview="">For the last object: <code>{check.path_preview}</code>. </span>
        : check?.file != null && <span data-preview="">That is <code>{check.file}</code>. </span>}
      {isFile ? "Three slashes: in the data folder's exports/; four: from the root. Dynamic parts: {obj.frame_id}, {sys.time}, {sys.count}, {instance.name}" : `Such as ${format.example.uri}`}
    </>
  );
}

const firstOf = (problems: Problem[], path: string) => said(problems.find((problem) => problem.path === path));

/** `/Output/handlers/NAME/config/x` and `/export/config/x` are `/config/x` here. */
function inExport(path: string): string {
  return path.replace(/^\/Output\/handlers\/[^/]+/, "").replace(/^\/export(?=\/|$)/, "");
}

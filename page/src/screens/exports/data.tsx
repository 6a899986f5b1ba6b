// The first question of an export: which data. Grouped, each with a line of what it is and a sample of its last object.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Json, Samples, SchemaId, Stream } from "../../api/types";
import { JsonText } from "../../parts/basic";
import { Check, Select } from "../../forms/field";
import { shortened } from "../../live/data";
import type { Draft } from "./draft";

interface Props {
  /** Of which instance. */
  id: string;
  draft: Draft;
  onChange: (change: Partial<Draft>) => void;
  streams: Stream[];
  schemas: SchemaId[];
  sample: Seen | null;
}

/** `real`: this instance has made it. */
export interface Seen { object: Json; real: boolean }

export function DataChoice({ id, draft, onChange, streams, schemas, sample }: Props) {
  const pictures = streams.filter(({ kind }) => kind === "picture");
  const metadata = streams.filter(({ kind }) => kind === "metadata");
  const choose = (sink: string) => onChange({ sink, ids: sink === "" && draft.ids.length === 0 ? schemas.filter((id) => id.is_event).map(({ id }) => id) : draft.ids });
  const choice = (sink: string, title: string, summary: string, recommended = false) => (
    <label class="choice" key={sink}>
      <input type="radio" name="data" value={sink} checked={draft.sink === sink} onChange={() => choose(sink)} />
      <span><strong>{title}</strong> {recommended && <span class="badge accent">recommended</span>}</span><span class="soft">{summary}</span>
    </label>
  );
  return (
    <fieldset class="stack">
      <legend>Data to export</legend>
      <h3 class="soft small">Metadata</h3>
      <div class="choices">
        {choice("", "Event records", "Events, and tracks or crops with them: one JSON object each, of a versioned schema", true)}
        {metadata.map(({ name, title, summary }) => choice(name, name === "eventsExport" ? `${title}, older form` : title, summary))}
      </div>
      <h3 class="soft small">Pictures</h3>
      <div class="choices">{pictures.map(({ name, title, summary }) => choice(name, title, summary))}</div>
      {draft.sink === "" && <Records draft={draft} onChange={onChange} schemas={schemas} />}
      {pictures.some(({ name }) => name === draft.sink) ? <PictureSample key={draft.sink} id={id} sink={draft.sink ?? ""} /> : <Sample sample={sample} />}
    </fieldset>
  );
}

function Records({ draft, onChange, schemas }: Pick<Props, "draft" | "onChange" | "schemas">) {
  const versions = [...new Set(schemas.flatMap((id) => id.versions.map(({ version }) => version)))].sort().reverse();
  const set = (id: string, on: boolean) => onChange({ ids: on ? [...draft.ids, id] : draft.ids.filter((one) => one !== id) });
  const group = (title: string, of: SchemaId[]) => (
    <details open={title === "Events" && draft.ids.length < of.length}>
      <summary>{title}: {of.filter(({ id }) => draft.ids.includes(id)).length} of {of.length} chosen</summary>
      <div class="line" style={{ paddingBottom: "8px" }}>
        <button type="button" class="link" onClick={() => onChange({ ids: [...new Set([...draft.ids, ...of.map(({ id }) => id)])] })}>All</button>
        <button type="button" class="link" onClick={() => onChange({ ids: draft.ids.filter((id) => !of.some((one) => one.id === id)) })}>None</button>
      </div>
      <div class="fields">
        {of.map(({ id, title: name, summary }) => <Check key={id} label={id} help={summary || name} checked={draft.ids.includes(id)} onChange={(on) => set(id, on)} />)}
      </div>
    </details>
  );
  return (
    <div class="card">
      <Select label="Version" value={String(draft.version)} onChange={(next) => onChange({ version: Number(next) })}
        options={versions.map((version) => [String(version), version === 2 ? "2: with names, frame size, sequence" : version === 1 ? "1: as the reference system writes them" : String(version)])} />
      {group("Events", schemas.filter(({ is_event }) => is_event))}
      {group("Others", schemas.filter(({ is_event }) => !is_event))}
      {draft.ids.length === 0 && <span class="state warn">Choose one at least</span>}
    </div>
  );
}

function Sample({ sample }: { sample: Seen | null }) {
  const [open, setOpen] = useState(false);
  if (!sample) return null;
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{sample.real ? "Sample: the last one of this instance" : "Sample: made up, this instance has not made one yet"}</summary>
      {open && <JsonText value={shortened(sample.object)} />}
    </details>
  );
}

/** The last picture: as it is drawn where the export draws, clean where it does not. */
function PictureSample({ id, sink }: { id: string; sink: string }) {
  const [open, setOpen] = useState(false);
  const [none, setNone] = useState(false);
  return (
    <details open={open} onToggle={(event) => { setOpen(event.currentTarget.open); setNone(false); }} data-sample="">
      <summary>Sample: the last picture of this instance</summary>
      {open && (none
        ? <p class="soft small">There is none: the instance does not run, or has not seen anything yet.</p>
        : <img class="sample" src={api.frameUrl(id, sink === "output-image" ? "width=640&rendered=true" : "width=640")} alt="The last picture" onError={() => setNone(true)} />)}
    </details>
  );
}

export function sampleOf(draft: Draft, samples: Samples | null): Seen | null {
  if (!samples || draft.sink === null) return null;
  if (draft.sink !== "") return samples.streams[draft.sink] ?? null;
  const seen = draft.ids.map((id) => samples.records[id]).filter((record) => record !== undefined);
  const record = seen.find(({ real }) => real) ?? seen[0];
  return record ?? null;
}

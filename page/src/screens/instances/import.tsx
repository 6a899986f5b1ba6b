// Import of instance files, the reference system's own too. What they would run is shown first.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { JsonObject, Problem } from "../../api/types";
import { Button, Problems, Restored } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { useDoing } from "../../parts/hooks";
import { useDraft } from "../../parts/kept";
import { go } from "../../route";
import { refresh } from "../../state";

/** Where what is typed is kept. */
export const IMPORTING = "import";
const EMPTY = { text: "" };

export function ImportInstance({ onClose }: { onClose: () => void }) {
  const draft = useDraft(IMPORTING, EMPTY);
  const { text } = draft.value;
  const leave = (how: "aside" | "drop") => () => { draft[how](); onClose(); };
  const type = (next: string) => { draft.change({ text: next }); setChecked(null); };
  const [checked, setChecked] = useState<{ document: JsonObject; errors: Problem[]; warnings: Problem[]; runs: string[] } | null>(null);
  const doing = useDoing();
  const check = () => doing.run(async () => {
    const document = parse(text);
    const { errors, warnings } = await api.validate(document);
    setChecked({ document, errors, warnings, runs: commands(document) });
  });
  const add = () => doing.run(async () => {
    if (!checked) return;
    const made = await api.addInstance(checked.document);
    await refresh();
    leave("drop")();
    go("instances", made.id);
  });
  const foot = (
    <>
      <Button onClick={leave("drop")}>{draft.dirty ? "Discard" : "Cancel"}</Button>
      {checked && checked.errors.length === 0
        ? <Button class="main" busy={doing.busy} onClick={() => void add()}>{checked.runs.length > 0 ? "Import and allow this" : "Import"}</Button>
        : <Button class="main" busy={doing.busy} disabled={!text.trim()} onClick={() => void check()}>Check</Button>}
    </>
  );
  return (
    <Dialog title="Import an instance file" onClose={leave("aside")} foot={foot}>
      {draft.restored && draft.dirty && <Restored what="entries" of={IMPORTING} />}
      <p class="soft">An instance as JSON, of this program or of the reference system: paste it, or choose its file. What is wrong with it, and what it would run, is shown before anything is imported.</p>
      <div class="field">
        <label for="import-text">Instance file (JSON)</label>
        <textarea id="import-text" rows={12} value={text} spellcheck={false} onInput={(event) => type(event.currentTarget.value)} />
        <label class="button" style={{ justifySelf: "start" }}>Choose a file<input type="file" class="away" accept=".json,application/json"
          onChange={async (event) => { const file = event.currentTarget.files?.[0]; if (file) type(await file.text()); }} /></label>
      </div>
      <Problems problems={doing.problems} />
      {checked && <Problems problems={checked.errors} />}
      {checked && checked.warnings.length > 0 && (
        <div class="note warn"><b>Works, but look at this:</b>{checked.warnings.map((warning) => <span key={warning.path}><code>{warning.path}</code>: {warning.message} {warning.fix}</span>)}</div>
      )}
      {checked && checked.runs.length > 0 && (
        <div class="note warn"><b>This file makes the server run programs or pipelines:</b>{checked.runs.map((run) => <code key={run}>{run}</code>)}</div>
      )}
    </Dialog>
  );
}

function parse(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (value && typeof value === "object" && !Array.isArray(value)) return value as JsonObject;
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  throw new Error("An instance file is one JSON object: { ... }");
}

/** Everything in a document that is run: commands and pipelines, wherever they stand. */
export function commands(value: unknown, path = ""): string[] {
  if (!value || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (typeof inner === "string") {
      const runs = (key.endsWith("_cmd") || key === "pipeline" || key === "command") && inner.trim() !== "";
      return runs || inner.startsWith("gstreamer:") ? [`${path}/${key}: ${inner}`] : [];
    }
    return commands(inner, `${path}/${key}`);
  });
}

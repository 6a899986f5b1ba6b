// The tab "Advanced (JSON)": the whole instance file, checked while one types.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { told } from "../../api/client";
import type { JsonObject, Problem } from "../../api/types";
import { Button, Copy, pretty, Problems, Restored } from "../../parts/basic";
import { useDoing, useRested } from "../../parts/hooks";
import { useKept } from "../../parts/kept";
import { may } from "../../state";
import type { Document } from "./document";

/** A pause of the typist's. */
const REST_MS = 400;

export function AdvancedTab({ id, document }: { id: string; document: Document }) {
  const saved = pretty(document.value);
  /** What is typed, and what stood there when that began. */
  const [own, setOwn, restored] = useKept<{ text: string; over: string } | null>(`advanced/${id}`, null);
  const text = own?.text ?? saved;
  const type = (next: string) => setOwn(next === saved ? null : { text: next, over: own?.over ?? saved });
  const rested = useRested(text, REST_MS);
  const [found, setFound] = useState<{ errors: Problem[]; warnings: Problem[] }>({ errors: [], warnings: [] });
  const doing = useDoing();
  useEffect(() => {
    let over = false;
    const parsed = parse(rested);
    if (typeof parsed === "string") {
      setFound({ errors: [{ path: "", message: parsed, fix: "" }], warnings: [] });
      return;
    }
    api.validate(parsed).then((next) => over || setFound(next),
      (error) => over || setFound({ errors: [{ path: "", message: told(error), fix: "" }], warnings: [] }));
    return () => { over = true; };
  }, [rested]);
  const dirty = own !== null && own.text !== saved;
  const save = () => doing.run(async () => {
    const parsed = parse(text);
    if (typeof parsed === "string") throw new Error(parsed);
    await document.replace(parsed);
    setOwn(null);
  });
  return (
    <div class="stack">
      {dirty && restored && <Restored what="changes" of={`advanced/${id}`} />}
      {dirty && own.over !== saved && <div class="note warn" role="status">Somebody else has changed this file since you began. Saving puts yours in the place of theirs; Discard shows what is there now.</div>}
      <div class="field">
        <label for="advanced">Instance file</label>
        <textarea id="advanced" rows={28} spellcheck={false} value={text} onInput={(event) => type(event.currentTarget.value)} readOnly={!may("operator")} />
        <span class="help">Only what differs is touched. Secrets read as ***, and *** keeps what is there.</span>
      </div>
      <Problems problems={doing.problems.length > 0 ? doing.problems : found.errors} />
      {found.warnings.length > 0 && (
        <div class="note warn"><b>Works, but look at this:</b>
          {found.warnings.map((warning) => <span key={warning.path + warning.message}><code>{warning.path}</code>: {warning.message} <span class="soft">{warning.fix}</span></span>)}</div>
      )}
      <div class="line">
        <Button class="main" busy={doing.busy} disabled={!dirty || found.errors.length > 0 || !may("operator")} onClick={() => void save()}>Save</Button>
        {dirty && <Button onClick={() => setOwn(null)}>Discard</Button>}
        <Copy text={() => text} />
      </div>
    </div>
  );
}

function parse(text: string): JsonObject | string {
  try {
    const value: unknown = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? (value as JsonObject) : "An instance file is one JSON object: { ... }";
  } catch (error) {
    return `This is no JSON: ${told(error)}`;
  }
}

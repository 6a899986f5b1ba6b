// The tab "Export": preprocess command, exporters, custom export options.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Export, Instance } from "../../api/types";
import { Button, Empty, Failure, Loading, Unsaved } from "../../parts/basic";
import { useAsked } from "../../parts/hooks";
import { held, leftOpen, unsaved } from "../../parts/kept";
import { may } from "../../state";
import { ExportDialog } from "../exports/dialog";
import { draftKey, type HeldDraft } from "../exports/draft";
import { ExportRow } from "../exports/row";
import type { Document } from "./document";
import { Exporters } from "./exporters";
import { Preprocess } from "./preprocess";

/** Somebody else may add one, by file or command line. */
const EVERY_MS = 5000;

export function ExportTab({ instance, document }: { instance: Instance; document: Document }) {
  const asked = useAsked(() => api.exports(instance.id), [instance.id], EVERY_MS);
  const [dialog, setDialog] = useState<{ edit?: Export | undefined } | null>(() => {
    const open = leftOpen(draftKey(instance.id));
    return open === undefined ? null : held<HeldDraft>(open) ?? null;
  });
  const changed = () => { void asked.again(); void document.again(); };
  const list = asked.value;
  const adding = unsaved(draftKey(instance.id));
  return (
    <>
      <Preprocess instance={instance} document={document} />
      <Exporters instance={instance} />
      <section class="stack" aria-labelledby="custom">
        <div class="spread">
          <h2 id="custom">Custom export options</h2>
          <Button class="main" disabled={!may("operator")} onClick={() => setDialog({})}>+ Add custom export option{adding && <Unsaved />}</Button>
        </div>
        <Failure error={asked.error} onAgain={() => void asked.again()} />
        {!list && !asked.error && <Loading what="export options" />}
        {list?.length === 0 && (
          <Empty><p>Here will be where this instance's events, tracks and pictures go: files, brokers, video streams.<br />Each with its counters, and what is wrong with it.</p></Empty>
        )}
        {list && list.length > 0 && (
          <ul class="exports">
            {list.map((item) => <ExportRow key={item.name} instance={instance} item={item} onEdit={() => setDialog({ edit: item })} onChanged={changed} />)}
          </ul>
        )}
      </section>
      {dialog && <ExportDialog instance={instance} edit={dialog.edit} onClose={() => setDialog(null)} onSaved={changed} />}
    </>
  );
}

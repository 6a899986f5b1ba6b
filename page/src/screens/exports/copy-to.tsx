// One export option for several instances at once.
import { useState } from "preact/hooks";
import { api } from "../../api";
import { told } from "../../api/client";
import type { Export, Instance } from "../../api/types";
import { Button } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { Check } from "../../forms/field";
import { announce } from "../../parts/announce";
import { plural } from "../../parts/text";
import { instances, refresh } from "../../state";

export function CopyTo({ from, item, onClose }: { from: Instance; item: Export; onClose: () => void }) {
  const others = (instances.value?.instances ?? []).filter(({ id }) => id !== from.id);
  const [chosen, setChosen] = useState<string[]>([]);
  const [results, setResults] = useState<{ [id: string]: string }>({});
  const [busy, setBusy] = useState(false);
  const done = Object.keys(results).length;
  const body = { uri: ownUri(item.uri), sink: item.sink, config: item.config, switch: item.switch };
  const apply = async () => {
    setBusy(true);
    setResults({});
    for (const id of chosen) {
      let result = "done";
      try {
        await api.putExport(id, item.name, body);
      } catch (error) {
        result = told(error);
      }
      setResults((old) => ({ ...old, [id]: result }));
    }
    setBusy(false);
    announce("Applied");
    void refresh();
  };
  const foot = (
    <>
      <Button onClick={onClose}>{done > 0 && !busy ? "Close" : "Cancel"}</Button>
      <Button class="main" busy={busy} disabled={chosen.length === 0} onClick={() => void apply()}>Apply to {plural(chosen.length, "instance")}</Button>
    </>
  );
  return (
    <Dialog title={`Apply ${item.name} to other instances`} onClose={onClose} foot={foot}>
      {others.length === 0 && <p>There are no other instances yet.</p>}
      {others.length > 1 && <div class="line"><button type="button" class="link" onClick={() => setChosen(others.map(({ id }) => id))}>All</button><button type="button" class="link" onClick={() => setChosen([])}>None</button></div>}
      <div class="stack">
        {others.map(({ id, name, exports }) => (
          <div class="spread" key={id}>
            <Check label={name} checked={chosen.includes(id)} onChange={(on) => setChosen(on ? [...chosen, id] : chosen.filter((one) => one !== id))}
              help={exports.some((receiver) => receiver.name === item.name) ? "Has an export of this name, which becomes this one" : undefined} />
            {results[id] && <span class={`state ${results[id] === "done" ? "good" : "bad"}`} style={{ whiteSpace: "normal" }}>{results[id]}</span>}
          </div>
        ))}
      </div>
      {body.uri !== item.uri && <div class="note small"><span>So that two instances do not write to one file, the address becomes <code>{body.uri}</code>.</span></div>}
      {busy && <progress max={chosen.length} value={done} aria-label="Progress" />}
    </Dialog>
  );
}

/** Two instances never write to one file: each has a folder of its own, unless the address says so already. */
export function ownUri(uri: string): string {
  const file = /^(json|csv|txt|mp4|jpg|png|mot|coco):\/\/\/(?!\/)(.*)$/.exec(uri);
  if (!file || uri.includes("{instance.")) return uri;
  return `${file[1]}:///{instance.name}/${file[2]}`;
}

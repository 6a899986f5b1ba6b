// All instances: what they see, how they are, what is wrong.
import { useState } from "preact/hooks";
import { api } from "../../api";
import { told } from "../../api/client";
import type { Instance, Problem } from "../../api/types";
import { Age, Button, Empty, Loading, Problems, Unsaved } from "../../parts/basic";
import { leftOpen, unsaved } from "../../parts/kept";
import { plural } from "../../parts/text";
import { instances, instancesAt, may, refresh, unreachable } from "../../state";
import { AddInstance, ADDING } from "./add";
import { ImportInstance, IMPORTING } from "./import";
import { InstanceRow } from "./row";

export function InstancesScreen() {
  const [dialog, setDialog] = useState<"add" | "import" | null>(() => (leftOpen(ADDING) ? "add" : leftOpen(IMPORTING) ? "import" : null));
  const [wanted, setWanted] = useState("");
  const list = instances.value;
  const shown = list?.instances.filter((instance) => matches(instance, wanted)) ?? [];
  return (
    <>
      <h1 class="away">Instances</h1>
      <div class="tools">
        <Button class="main" disabled={!may("operator")} onClick={() => setDialog("add")}>+ Add instance{unsaved(ADDING) && <Unsaved />}</Button>
        <Button disabled={!may("operator")} onClick={() => setDialog("import")}>Import{unsaved(IMPORTING) && <Unsaved />}</Button>
        <label class="away" for="filter">Filter instances</label>
        <input id="filter" type="search" placeholder="Filter by name, address, state" value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)} />
        {list && wanted && <span class="soft">{shown.length} of {list.instances.length}</span>}
        <span class="push"><Age at={instancesAt.value} hideBelowMs={3000} /></span>
        {list && list.instances.length > 1 && may("operator") && <All list={shown} some={shown.length < list.instances.length} />}
      </div>
      {!list && !unreachable.value && <Loading what="instances" />}
      {list?.unusable?.map(({ file, problem }) => (
        <div class="note bad" key={file}><span><code>{file}</code> cannot be used: {problem}</span>
          <span class="soft">Nothing else is touched. Mend the file, and it is loaded within a second.</span></div>
      ))}
      {list && list.instances.length === 0 && (
        <Empty>
          <p>Here will be your cameras and files: each with its picture, its state and what it sends where.</p>
          <Button class="main" disabled={!may("operator")} onClick={() => setDialog("add")}>+ Add the first instance</Button>
        </Empty>
      )}
      {list && list.instances.length > 0 && shown.length === 0 && (
        <Empty><p>No instance matches “{wanted}”.</p><Button onClick={() => setWanted("")}>Show all</Button></Empty>
      )}
      <ul class="instances">
        {shown.map((instance) => <InstanceRow key={instance.id} instance={instance} />)}
      </ul>
      {dialog === "add" && <AddInstance onClose={() => setDialog(null)} />}
      {dialog === "import" && <ImportInstance onClose={() => setDialog(null)} />}
    </>
  );
}

function matches(instance: Instance, wanted: string): boolean {
  const text = [instance.name, instance.source, instance.state, instance.id].join(" ").toLowerCase();
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Start and stop of everything that is shown. */
function All({ list, some }: { list: Instance[]; some: boolean }) {
  const [progress, setProgress] = useState<{ done: number; of: number } | null>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const act = async (action: "start" | "stop") => {
    const concerned = list.filter(({ state }) => (action === "start") !== isUp(state));
    const failed: Problem[] = [];
    setProblems([]);
    for (const [at, instance] of concerned.entries()) {
      setProgress({ done: at, of: concerned.length });
      try {
        await api.act(instance.id, action);
      } catch (why) {
        failed.push({ path: instance.name, message: told(why), fix: "" });
      }
    }
    setProgress(null);
    setProblems(failed);
    void refresh();
  };
  const up = list.filter(({ state }) => isUp(state)).length;
  const which = some ? "these" : "all";
  return (
    <span class="line">
      <Problems problems={problems} onDismiss={() => setProblems([])} />
      {progress && <span role="status">{progress.done} of {plural(progress.of, "instance")} done…</span>}
      <Button disabled={progress !== null || up === list.length} onClick={() => void act("start")}>Start {which}</Button>
      <Button disabled={progress !== null || up === 0} onClick={() => void act("stop")}>Stop {which}</Button>
    </span>
  );
}

export const isUp = (state: string) => ["running", "starting", "restarting"].includes(state);

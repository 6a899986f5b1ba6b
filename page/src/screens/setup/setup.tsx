// The set-up window of an instance: the live picture and its data stay in sight, tabs beside them.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance } from "../../api/types";
import { Button, Empty, Failure, Icon, Loading, Problems, State, Words } from "../../parts/basic";
import { Drawing } from "../../parts/icons";
import { Tabs } from "../../parts/dialog";
import { unsavedIn } from "../../parts/kept";
import { useDoing } from "../../parts/hooks";
import { Picture } from "../../live/picture";
import { DataPanel } from "../../live/data";
import { plural } from "../../parts/text";
import { go, route, to } from "../../route";
import { instances, may, refresh } from "../../state";
import { isUp } from "../instances/list";
import { ShapesOver } from "../../draw/over";
import { useShapes } from "../../draw/shapes";
import { AnalyticsTab } from "./analytics";
import { AdvancedTab } from "./advanced";
import { useDocument } from "./document";
import { ExportTab } from "./export";
import { SourceTab } from "./source";

const TABS: [string, string][] = [["source", "Source"], ["analytics", "Analytics"], ["export", "Export"], ["advanced", "Advanced (JSON)"]];

export function SetupScreen() {
  const [, id = "", tab = "source"] = route.value;
  const list = instances.value;
  const instance = list?.instances.find((one) => one.id === id || one.name === id);
  if (!list) return <Loading what="the instance" />;
  if (!instance) {
    return <Empty><p>There is no instance “{id}” any more.</p><a class="button" href={to("instances")}>All instances</a></Empty>;
  }
  const chosen = TABS.some(([name]) => name === tab) ? tab : "source";
  return <Setup key={instance.id} instance={instance} tab={chosen} />;
}

function Setup({ instance, tab }: { instance: Instance; tab: string }) {
  const { id, name, state } = instance;
  const document = useDocument(id);
  const shapes = useShapes(document.value, `analytics/${id}`);
  const [boxes, setBoxes] = useState(true);
  const doing = useDoing();
  const up = isUp(state);
  const act = (action: "start" | "stop") => void doing.run(() => api.act(id, action)).then(refresh);
  return (
    <>
      <div class="tools">
        <a href={to("instances")}>Instances</a>
        <h1>{name} <span class="away">– set-up</span></h1>
        <State state={instance.state} />
        {state === "running" && instance.fps !== undefined && <span class="soft">{instance.fps.toFixed(1)} fps</span>}
        {up
          ? <Button busy={doing.busy} disabled={!may("operator")} onClick={() => act("stop")}><Drawing sign="stop" /> Stop</Button>
          : <Button busy={doing.busy} disabled={!may("operator")} onClick={() => act("start")}><Drawing sign="start" /> Start</Button>}
        <span class="push"><Icon sign="close" label="Close the set-up" onClick={() => go("instances")} /></span>
      </div>
      {instance.problem && <div class={state === "failed" ? "note bad" : "note warn"} role="status"><Words>{instance.problem}</Words></div>}
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      <Failure error={document.error} onAgain={() => void document.again()} />
      <div class="setup">
        <div class="left">
          <section class="stack" aria-label="Output panel">
            <Picture instance={instance} boxes={boxes}><ShapesOver shapes={shapes} editing={tab === "analytics"} /></Picture>
            <div class="line small">
              <label class="line" style={{ gap: "4px" }}><input type="checkbox" checked={boxes} onChange={(event) => setBoxes(event.currentTarget.checked)} /> Boxes</label>
              <label class="line" style={{ gap: "4px" }}><input type="checkbox" checked={shapes.visible} onChange={(event) => shapes.setVisible(event.currentTarget.checked)} /> Areas and lines</label>
              <span class="soft">{[instance.width && `${instance.width}×${instance.height}`, instance.tracks !== undefined && plural(instance.tracks, "track")].filter(Boolean).join(" · ")}</span>
            </div>
          </section>
          <DataPanel id={id} name={name} />
        </div>
        <div class="right stack">
          <Tabs label="Set-up" tabs={TABS} marked={TABS.map(([name]) => name).filter((name) => unsavedIn(`${name}/${id}`) || (name === "export" && unsavedIn(`preprocess/${id}`)))} chosen={tab} onChoose={(next) => go("instances", id, next)} />
          <div role="tabpanel" id="tabpanel" aria-labelledby={`tab-${tab}`} class="stack">
            {!document.value ? <Loading what="its settings" />
              : tab === "source" ? <SourceTab instance={instance} document={document} />
              : tab === "analytics" ? <AnalyticsTab id={id} document={document} shapes={shapes} />
              : tab === "export" ? <ExportTab instance={instance} document={document} />
              : <AdvancedTab id={id} document={document} />}
          </div>
        </div>
      </div>
    </>
  );
}

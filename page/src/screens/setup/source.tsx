// The tab "Source": where frames come from, and how.
import { useState } from "preact/hooks";
import { api } from "../../api";
import { problemsOf, said } from "../../api/client";
import type { Instance, Json, JsonObject, Problem, SourceTest } from "../../api/types";
import { Button, Problems, Restored } from "../../parts/basic";
import { useDoing } from "../../parts/hooks";
import { useKept } from "../../parts/kept";
import { Check, Select, Text } from "../../forms/field";
import { may } from "../../state";
import { Tested } from "../instances/tested";
import { at, object, text, type Document } from "./document";

export function SourceTab({ instance, document }: { instance: Instance; document: Document }) {
  const saved = document.value ?? {};
  const input = object(saved.Input);
  const solution = object(saved.SolutionManager);
  const [changed, setChanged, restored] = useKept<{ [path: string]: Json }>(`source/${instance.id}`, {});
  const [test, setTest] = useState<{ result?: SourceTest; problems?: Problem[] } | null>(null);
  const [testing, setTesting] = useState(false);
  const doing = useDoing();

  const value = (path: string): Json | undefined => (path in changed ? changed[path] : at(saved, ...path.split("/")));
  const set = (path: string) => (next: Json) => setChanged((old) => {
    const { [path]: _, ...rest } = old;
    const same = (at(saved, ...path.split("/")) ?? null) === next || (next === "" && at(saved, ...path.split("/")) === undefined);
    return same ? rest : { ...rest, [path]: next };
  });
  const number = (path: string) => (next: string) => set(path)(next === "" ? null : Number(next));
  const dirty = Object.keys(changed).length > 0;
  const wrong = (path: string) => said(doing.problems.find((problem) => problem.path === `/${path}`));
  const elsewhere = doing.problems.filter(({ path }) => !(path.slice(1) in changed));

  const tryIt = async () => {
    setTesting(true);
    setTest(null);
    try {
      setTest({ result: await api.testSource({ ...input, uri: text(value("Input/uri")), instance: instance.id }) });
    } catch (error) {
      setTest({ problems: problemsOf(error) });
    }
    setTesting(false);
  };
  const save = () => doing.run(async () => {
    await document.patch(merged(changed));
    setChanged({});
  });
  const shown = (path: string) => { const now = value(path); return now === undefined || now === null ? "" : String(now); };
  const isFile = !/^(rtsp|rtsps|http|https|v4l2|gstreamer):/.test(shown("Input/uri"));
  const locked = !may("operator");
  return (
    <form noValidate class="stack" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      {restored && dirty && <Restored what="changes" of={`source/${instance.id}`} />}
      <Text label="Address or file" value={shown("Input/uri")} onChange={(next) => { set("Input/uri")(next); setTest(null); }} spellcheck={false}
        wrong={wrong("Input/uri")} help="A password shown as *** stays what it is" beside={<Button busy={testing} busyText="Testing…" onClick={() => void tryIt()}>Test</Button>} />
      <Tested test={test} busy={testing} />
      <div class="fields">
        <Text label="Name" value={shown("DisplayName")} onChange={set("DisplayName")} wrong={wrong("DisplayName")} />
        <Text label="Analysed frames per second" type="number" min={0} step="any" value={shown("SolutionManager/frame_rate_limit")} onChange={number("SolutionManager/frame_rate_limit")}
          wrong={wrong("SolutionManager/frame_rate_limit")} help="At most, of stream time; empty or 0: all. Video exports keep the source's rate" />
        <Select label="Class of what moves" value={shown("Input/motion_class") || "Unknown"} onChange={set("Input/motion_class")} wrong={wrong("Input/motion_class")}
          options={["Unknown", "Person", "Vehicle", "Animal"].map((name) => [name, name])} help="Motion alone knows no classes; say what it will be here" />
        <Text label="Time zone" value={shown("Input/time_zone")} onChange={set("Input/time_zone")} placeholder="UTC" wrong={wrong("Input/time_zone")} help="For text that shows local time, such as Europe/Berlin" />
        {isFile && <Select label="Pace" value={shown("Input/pace") || "realtime"} onChange={set("Input/pace")} options={[["realtime", "In real time"], ["fast", "As fast as the machine can"]]}
          wrong={wrong("Input/pace")} help="Fast skips nothing, and waits for the slowest export" />}
      </div>
      <Check label="Start it whenever Watchpost starts" checked={value("AutoStart") === true} onChange={set("AutoStart")} />
      {isFile && <Check label="Play it again and again" checked={value("Input/loop") === true} onChange={set("Input/loop")} />}
      <Check label="Show a picture that says so while the camera is away" checked={value("Input/no_signal_picture") !== false} onChange={set("Input/no_signal_picture")} help="For who watches its video exports" />
      <Check label="Keep every track and attribute (debug)" checked={solution.enable_debug === true ? value("SolutionManager/enable_debug") !== false : value("SolutionManager/enable_debug") === true}
        onChange={set("SolutionManager/enable_debug")} help="Records of tracks are otherwise held until the track causes an event" />
      <Problems problems={elsewhere} onDismiss={doing.clear} />
      <div class="line">
        <Button class="main" type="submit" busy={doing.busy} disabled={!dirty || locked}>Save</Button>
        {dirty && <Button onClick={() => { setChanged({}); doing.clear(); }}>Discard</Button>}
        <span class="soft small">{locked ? "Your role may look, not change" : dirty ? "Saving opens the source anew if its address or pace changed; exports and numbers go on" : "Everything is saved"}</span>
      </div>
    </form>
  );
}

/** `{"Input/uri": x}` as a merge patch. */
function merged(changed: { [path: string]: Json }): JsonObject {
  const patch: JsonObject = {};
  for (const [path, value] of Object.entries(changed)) {
    const keys = path.split("/");
    const last = keys.pop();
    let place = patch;
    for (const key of keys) place = (place[key] ??= {}) as JsonObject;
    if (last) place[last] = value === "" ? null : value;
  }
  return patch;
}

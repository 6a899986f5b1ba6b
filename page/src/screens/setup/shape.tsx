// The settings of one area or line: what it tells of, of whom, and when.
import { said } from "../../api/client";
import type { Json, Problem } from "../../api/types";
import { Check, Select, Text } from "../../forms/field";
import { Button } from "../../parts/basic";
import { plural } from "../../parts/text";
import { minute, times, type Dry } from "../../draw/dry";
import { nameOf, type Shape, type Shapes } from "../../draw/shapes";

interface Option {
  key: string;
  label: string;
  help?: string;
  type: "check" | "number" | "choice";
  choices?: [string, string][];
  /** What holds when it says nothing. */
  otherwise: Json;
  /** Shown only while this one is on. */
  when?: string;
  max?: number;
}

const CLASSES: Option[] = [
  { key: "detect_people", label: "People", type: "check", otherwise: false },
  { key: "detect_vehicles", label: "Vehicles", type: "check", otherwise: false },
  { key: "detect_animals", label: "Animals", type: "check", otherwise: false },
  { key: "detect_faces", label: "Faces", type: "check", otherwise: false },
  { key: "detect_unknowns", label: "Unknown", type: "check", otherwise: false, help: "What motion finds without knowing what it is" },
];

const AREA: Option[] = [
  { key: "trigger_on_enter", label: "Somebody comes in", type: "check", otherwise: false, help: "event-area-enter" },
  { key: "trigger_on_exit", label: "Somebody goes out", type: "check", otherwise: false, help: "event-area-exit" },
  { key: "trigger_on_intrusion", label: "Intrusion, with its end", type: "check", otherwise: false, help: "event-intrusion, event-intrusion-end" },
  { key: "trigger_loitering", label: "Loitering", type: "check", otherwise: false, help: "event-loitering and its end" },
  { key: "loitering_min_duration", label: "Loitering after, in seconds", type: "number", otherwise: 3, when: "trigger_loitering", max: 86400 },
  { key: "trigger_crowding", label: "Crowding", type: "check", otherwise: false, help: "event-crowd-detection" },
  { key: "crowding_min_count", label: "A crowd is so many", type: "number", otherwise: 5, when: "trigger_crowding", max: 100000 },
  { key: "trigger_when", label: "Things", type: "choice", otherwise: "", choices: [["", "Not watched"], ["object_left", "Tell of things left"], ["object_removed", "Tell of things removed"]] },
  { key: "left_duration", label: "Left after, in seconds", type: "number", otherwise: 4, when: "trigger_when=object_left", max: 86400 },
  { key: "removed_duration", label: "Removed after, in seconds", type: "number", otherwise: 4, when: "trigger_when=object_removed", max: 86400 },
];
const LINE: Option[] = [
  { key: "trigger_crossing", label: "Somebody crosses", type: "check", otherwise: false, help: "event-line-crossing" },
  { key: "direction", label: "Direction", type: "choice", otherwise: "Both", choices: [["Both", "Both"], ["Down", "Down (arrow)"], ["Up", "Up (arrow)"]], help: "Down is the right hand of who walks from the first point to the second" },
  { key: "trigger_tailgating", label: "Tailgating", type: "check", otherwise: false, help: "event-tailgating" },
  { key: "tailgating_maximum_crossing_elapsed", label: "Follows within, in seconds", type: "number", otherwise: 1, when: "trigger_tailgating", max: 86400 },
];
const MORE: Option[] = [
  { key: "check_anchor_point", label: "What has to be inside", type: "choice", otherwise: "bottom_center", choices: [["bottom_center", "The feet"], ["center", "The middle"]] },
  { key: "object_min_width", label: "Least width", type: "number", otherwise: 0, max: 1, help: "In parts of the frame, 0 to 1" },
  { key: "object_min_height", label: "Least height", type: "number", otherwise: 0, max: 1 },
  { key: "object_max_width", label: "Greatest width", type: "number", otherwise: 1, max: 1 },
  { key: "object_max_height", label: "Greatest height", type: "number", otherwise: 1, max: 1 },
];
const MORE_AREA: Option[] = [
  { key: "ignore_stationary_objects", label: "Who stands still does not come in", type: "check", otherwise: false },
  { key: "enter_activation_delay", label: "Counts as in after, in seconds", type: "number", otherwise: 0.2, max: 86400 },
];
const MORE_LINE: Option[] = [
  { key: "cross_bandwidth", label: "How far beyond the line", type: "number", otherwise: 0.03, max: 1, help: "In parts of the frame" },
  { key: "cooldown_bandwidth", label: "How far away before it counts again", type: "number", otherwise: 0.07, max: 1 },
];

export function ShapeSettings({ shape, shapes, dry, problems, locked }: { shape: Shape; shapes: Shapes; dry: Dry | null; problems: Problem[]; locked: boolean }) {
  const wrong = (key: string) => said(problems.find(({ path }) => path.endsWith(`/${shape.id}/${key}`)));
  const own = shape.kind === "area" ? AREA : LINE;
  const more = [...(shape.kind === "area" ? MORE_AREA : MORE_LINE), ...MORE];
  const classes = CLASSES.some(({ key }) => shape.options[key] === true);
  const show = (options: Option[]) => options.filter(({ when }) => isOn(shape, when)).map((option) => (
    <OptionField key={option.key} option={option} shape={shape} shapes={shapes} wrong={wrong(option.key)} locked={locked} />
  ));
  return (
    <section class="card" aria-label={`Settings of ${nameOf(shape)}`}>
      <div class="line" style={{ alignItems: "end" }}>
        <div class="grow"><Text label="Name" value={nameOf(shape)} onChange={(name) => shapes.setOption(shape.id, "name", name)} wrong={wrong("name")} disabled={locked} /></div>
        <Button class="danger" disabled={locked} onClick={() => shapes.remove(shape.id)}>Delete {shape.kind}</Button>
      </div>
      {dry?.result && dry.result.frames > 0 && <Fired dry={dry} shape={shape.id} />}
      <fieldset><legend>Tells of</legend><div class="fields">{show(own)}</div></fieldset>
      <fieldset>
        <legend>Who counts</legend>
        <div class="line" style={{ alignItems: "start", gap: "8px 16px" }}>{show(CLASSES)}</div>
        {!classes && <span class="soft small">None is chosen: all count</span>}
      </fieldset>
      <details><summary>More: sizes, anchor, delays</summary><div class="fields">{show(more)}</div></details>
    </section>
  );
}

/** Would have fired 3 times in the last minute, and what. */
function Fired({ dry, shape }: { dry: Dry; shape: string }) {
  const n = times(dry, shape) ?? 0;
  const counts = Object.entries(dry.result?.counts[shape] ?? {}).filter(([, count]) => count > 0);
  return (
    <div class={dry.old ? "note small old" : "note small"} data-dry={n}>
      <span>{n === 0 ? `Would not have fired in ${minute(dry)}.` : <>Would have fired <b>{plural(n, "time")}</b> in {minute(dry)}:</>}</span>
      {dry.result?.estimated?.includes(shape) && <span class="soft">Things left or removed are seen in the picture; this is an estimate from the tracks.</span>}
      {counts.length > 0 && <span class="pills">{counts.map(([event, count]) => <span key={event}>{event} <b>{count}</b></span>)}</span>}
    </div>
  );
}

function isOn(shape: Shape, when: string | undefined): boolean {
  if (!when) return true;
  const [key = "", value] = when.split("=");
  return value === undefined ? shape.options[key] === true : shape.options[key] === value;
}

function OptionField({ option, shape, shapes, wrong, locked }: { option: Option; shape: Shape; shapes: Shapes; wrong: string | undefined; locked: boolean }) {
  const { key, label, help, type, choices = [], otherwise, max } = option;
  const value = shape.options[key] ?? otherwise;
  const set = (next: Json | undefined) => shapes.setOption(shape.id, key, next);
  if (type === "check") return <Check label={label} help={help} checked={value === true} onChange={set} wrong={wrong} disabled={locked} />;
  if (type === "choice") return <Select label={label} help={help} value={String(value)} options={choices} onChange={(next) => set(next === "" ? undefined : next)} wrong={wrong} disabled={locked} />;
  return <Text label={label} help={help} type="number" step="any" min={0} max={max} value={shape.options[key] === undefined ? "" : String(value)} placeholder={String(otherwise)}
    onChange={(next) => set(next === "" ? undefined : Number(next))} wrong={wrong} disabled={locked} />;
}

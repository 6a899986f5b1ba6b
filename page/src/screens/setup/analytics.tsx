// The tab "Analytics": areas and lines drawn on the live picture, their settings here.
import { Button, Empty, Problems, Restored } from "../../parts/basic";
import { useDoing } from "../../parts/hooks";
import { minute, times, useDry, type Dry } from "../../draw/dry";
import { colour, nameOf, type Shapes } from "../../draw/shapes";
import { plural } from "../../parts/text";
import { may } from "../../state";
import type { Document } from "./document";
import { ShapeSettings } from "./shape";

export function AnalyticsTab({ id, document, shapes }: { id: string; document: Document; shapes: Shapes }) {
  const doing = useDoing();
  const dry = useDry(id, shapes);
  const { drawing, chosen } = shapes;
  const save = () => doing.run(() => document.patch(shapes.patch()));
  const locked = !may("operator");
  return (
    <div class="stack">
      <div class="line">
        <Button disabled={locked || !!drawing} onClick={() => shapes.begin("area")}>+ Area</Button>
        <Button disabled={locked || !!drawing} onClick={() => shapes.begin("line")}>+ Line</Button>
        <Button disabled={!shapes.canUndo} onClick={shapes.undo}>Undo</Button>
        <span class="push" />
        {shapes.dirty && <Button onClick={() => { shapes.discard(); doing.clear(); }}>Discard</Button>}
        <Button class="main" busy={doing.busy} disabled={!shapes.dirty || locked || !!drawing} onClick={() => void save()}>Save</Button>
      </div>
      {shapes.restored && <Restored what="drawings" of={`analytics/${id}`} />}
      {drawing && (
        <div class="note" role="status">
          <div class="spread">
            <span>{drawing.kind === "area" ? "Click the corners on the picture; a double click ends the area" : "Click both ends of the line on the picture"}.
              Esc cancels. By keyboard: arrows move the cross, Space sets a point, Enter ends.</span>
            <span class="line">
              {drawing.kind === "area" && <Button disabled={drawing.points.length < 3} onClick={shapes.finish}>End it here</Button>}
              <Button onClick={shapes.cancel}>Cancel</Button>
            </span>
          </div>
        </div>
      )}
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      {shapes.all.length === 0 && !drawing && (
        <Empty><p>Areas and lines say what is an event: somebody comes in, stays, crosses.<br />Without one, tracks and pictures can be exported, but nothing happens.</p></Empty>
      )}
      <div class="zones" role="group" aria-label="Areas and lines">
        {shapes.all.map((shape) => (
          <button type="button" key={shape.id} aria-pressed={chosen?.id === shape.id} onClick={() => shapes.choose(chosen?.id === shape.id ? null : shape.id)}>
            <span class="swatch" style={{ background: colour(shape) }} aria-hidden="true" />
            {nameOf(shape)} <span class="soft">{shape.kind}</span>
            {dry?.result && <Times dry={dry} shape={shape.id} />}
          </button>
        ))}
      </div>
      {shapes.all.length > 0 && !chosen && !drawing && <p class="soft small">Choose one, here or on the picture, to move it and to say what it tells of.</p>}
      {dry && <Seen dry={dry} />}
      {chosen && <ShapeSettings key={chosen.id} shape={chosen} shapes={shapes} dry={dry} problems={[...doing.problems, ...(dry?.problems ?? [])]} locked={locked} />}
    </div>
  );
}

/** 3 in the last minute */
function Times({ dry, shape }: { dry: Dry; shape: string }) {
  const n = times(dry, shape) ?? 0;
  return <span class={dry.old ? "push soft old" : "push soft"} data-times={n}>{n === 0 ? "no event" : plural(n, "event")} in {minute(dry)}</span>;
}

/** What the counts are of. */
function Seen({ dry }: { dry: Dry }) {
  const { result, problems } = dry;
  // Those of a field stand there.
  const elsewhere = problems.filter(({ path }) => !/^\/(Zone\/Zones|Tripwire\/Tripwires)\/[^/]+\/./.test(path));
  if (elsewhere.length > 0) return <p class="soft small" role="status">How often they would have fired is not known: {elsewhere.map(({ message, fix }) => [message, fix].filter(Boolean).join("; ")).join(". ")}</p>;
  if (!result) return null;
  return (
    <p class="soft small">{result.frames === 0
      ? "How often they would have fired stands here once the instance has run for some seconds."
      : "The counts are what they would have fired just now as they are drawn here, saved or not."}</p>
  );
}

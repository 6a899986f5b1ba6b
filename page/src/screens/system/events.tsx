// The latest events of all instances as they come, with their crops.
import { useState } from "preact/hooks";
import type { EventEntry, JsonObject } from "../../api/types";
import { Button, Empty, JsonText, Loading, Problems } from "../../parts/basic";
import { Drawing } from "../../parts/icons";
import { useAsked, useDoing, useRested } from "../../parts/hooks";
import { clock, count, plural } from "../../parts/text";
import { Connection } from "../../live/connection";
import { useEvents, type Shown } from "../../live/events";
import { shortened } from "../../live/data";
import { route, to } from "../../route";
import { instances, schemas } from "../../state";

export function EventsScreen() {
  const [instance, setInstance] = useState(route.value[1] ?? "");
  const [type, setType] = useState("");
  const [cls, setClass] = useState("");
  const [zone, setZone] = useState("");
  const rested = useRested(zone, 300);
  const ids = useAsked(() => schemas(), []);
  const query = new URLSearchParams();
  for (const [key, value] of [["instance", instance], ["types", type], ["classes", cls], ["zones", rested]] as const) if (value) query.set(key, value);
  const filter = query.toString();
  // Other filters go on by themselves.
  const [frozenFor, setFrozenFor] = useState<string | null>(null);
  const frozen = frozenFor === filter;
  const { events, waiting, state, missed, behind, more, older } = useEvents(filter, frozen);
  const doing = useDoing();
  const filtered = !!(instance || type || cls || zone);
  return (
    <>
      <h1>Events</h1>
      <div class="tools">
        <label class="away" for="ev-instance">Instance</label>
        <select id="ev-instance" style={{ width: "auto" }} value={instance} onChange={(event) => setInstance(event.currentTarget.value)}>
          <option value="">All instances</option>
          {instances.value?.instances.map(({ id, name }) => <option key={id} value={name}>{name}</option>)}
        </select>
        <label class="away" for="ev-type">Kind</label>
        <select id="ev-type" style={{ width: "auto" }} value={type} onChange={(event) => setType(event.currentTarget.value)}>
          <option value="">All kinds</option>
          {ids.value?.filter(({ is_event }) => is_event).map(({ id }) => <option key={id} value={id}>{id}</option>)}
        </select>
        <label class="away" for="ev-class">Class</label>
        <select id="ev-class" style={{ width: "auto" }} value={cls} onChange={(event) => setClass(event.currentTarget.value)}>
          <option value="">All classes</option>
          {["Person", "Vehicle", "Animal", "Face", "Unknown"].map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
        <label class="away" for="ev-zone">Area or line</label>
        <input id="ev-zone" type="search" placeholder="Area or line" value={zone} onInput={(event) => setZone(event.currentTarget.value)} />
        <button type="button" aria-pressed={frozen} onClick={() => setFrozenFor(frozen ? null : filter)}><Drawing sign={frozen ? "start" : "freeze"} /> {frozen ? "Go on" : "Freeze"}</button>
        <span class="push"><Connection state={state} what="Events" /></span>
      </div>
      {frozen && <p class="soft small">Frozen. {behind === 0 ? "What comes is" : `${count(behind)} newer ${behind === 1 ? "one is" : "ones are"}`} kept until you go on.</p>}
      {missed > 0 && <p class="note warn small">Up to {plural(missed, "event")} of all instances {missed === 1 ? "is" : "are"} missing here: more came than are kept for whoever looks. What your exports get is not touched by that.</p>}
      {waiting && state.kind !== "lost" && <Loading what="events" />}
      {!waiting && events.length === 0 && <Empty><p>{filtered ? "No event matches. Fewer filters show more." : "Events appear here as they happen: somebody comes in, stays, crosses. They need an area or a line: draw one in an instance's Analytics tab."}</p></Empty>}
      {events.length > 0 && <ul class="exports">{events.map((entry) => <Entry key={entry.cursor} entry={entry} />)}</ul>}
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      {more && <div><Button busy={doing.busy} busyText="Loading…" onClick={() => void doing.run(older)}>Older</Button></div>}
    </>
  );
}

function Entry({ entry }: { entry: Shown }) {
  const { record, instance_id, instance_name, crop, delivered } = entry;
  const src = crop && (crop.startsWith("data:") ? crop : `data:image/jpeg;base64,${crop}`);
  const id = String(record.$id ?? "");
  const place = (record.area ?? record.line) as JsonObject | undefined;
  const where = place?.name ?? record.area_name ?? record.tripwire_name;
  const direction = record.direction ?? record.crossing_direction;
  return (
    <li class="event" data-event={entry.cursor}>
      {src ? <img src={src} alt={`Crop of the ${String(record.object_class ?? "object")}`} loading="lazy" /> : <div class="none">no crop</div>}
      <div class="stack" style={{ gap: "4px" }}>
        <div class="line"><strong>{id}</strong>{where !== undefined && where !== null && <span>{String(where)}</span>}{direction !== undefined && <span>{String(direction)}</span>}</div>
        <div class="figures"><span>{clock(Number(record.system_timestamp ?? 0))}</span><a href={to("instances", instance_id)}>{instance_name}</a>
          {record.object_class !== undefined && <span>{String(record.object_class)}</span>}{record.duration_ms !== undefined && <span>{(Number(record.duration_ms) / 1000).toFixed(1)} s</span>}</div>
        {delivered && <Delivered to={delivered} known={entry.since === undefined} instance={instance_id} />}
        <details><summary>Record</summary><JsonText value={shortened(record)} /></details>
      </div>
    </li>
  );
}

const LOOKS = { delivered: "good", waiting: "warn", refused: "bad" };

/** Where it went, and when. */
function Delivered({ to: all, known, instance }: { to: NonNullable<EventEntry["delivered"]>; known: boolean; instance: string }) {
  if (all.length === 0 && !known) return <div class="soft small">just now</div>;
  if (all.length === 0) return <div class="soft small">No export or exporter takes it. <a href={to("instances", instance, "export")}>Add one</a></div>;
  return (
    <ul class="pills" aria-label="Delivered to">
      {all.map(({ receiver, state, at_ms }) => (
        <li key={receiver} class={`state ${LOOKS[state] ?? ""}`} data-delivered={state}>
          <span>{receiver} <span class={state === "delivered" ? "away" : ""}>{state}</span>{at_ms != null && <span class="soft"> {clock(at_ms)}</span>}</span>
        </li>
      ))}
    </ul>
  );
}

// One instance in the list.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance, Receiver } from "../../api/types";
import { Icon, Problems, State, Words } from "../../parts/basic";
import { Confirm, Menu } from "../../parts/dialog";
import { useDoing } from "../../parts/hooks";
import { count, plural, span } from "../../parts/text";
import { go, to } from "../../route";
import { may, refresh } from "../../state";
import { isUp } from "./list";
import { Thumbnail } from "./thumbnail";

/** Exports whose trouble is told in the list; the set-up has all. */
const TROUBLES = 3;

export function InstanceRow({ instance }: { instance: Instance }) {
  const doing = useDoing();
  const [deleting, setDeleting] = useState(false);
  const { id, name, state } = instance;
  const up = isUp(state);
  const act = (action: "start" | "stop" | "restart") => void doing.run(() => api.act(id, action)).then(refresh);
  const change = may("operator");
  return (
    <li class="instance" data-instance={name}>
      <Thumbnail instance={instance} />
      <div class="what">
        <div class="title">
          <a href={to("instances", id)}>{name}</a>
          <State state={instance.state} />
          {state === "running" && instance.fps !== undefined && <span>{instance.fps.toFixed(1)} fps</span>}
          <Exports id={id} exports={instance.exports} />
        </div>
        {instance.source && <div class="soft small uri" title={instance.source}>{instance.source}</div>}
        <div class="figures">
          {instance.tracks !== undefined && <span>tracks <b>{instance.tracks}</b></span>}
          {instance.events_last_hour !== undefined && <span>events <b>{count(instance.events_last_hour)}</b>/h</span>}
          <span>frames <b>{count(instance.frames)}</b></span>
          {instance.skipped > 0 && <span title="A live source never builds up delay: frames that could not be analysed in time">skipped <b>{count(instance.skipped)}</b></span>}
          {instance.width && <span>{instance.width}×{instance.height}</span>}
        </div>
        <Troubles exports={instance.exports} />
        {instance.problem && <div class={`state ${state === "failed" ? "bad" : "warn"}`} style={{ whiteSpace: "normal" }}><span><Words>{instance.problem}</Words></span></div>}
        {instance.file_problem && <div class="note warn">Its file was edited and cannot be used; what runs is as before: <Words>{instance.file_problem}</Words></div>}
        <Problems problems={doing.problems} onDismiss={doing.clear} />
      </div>
      <div class="act">
        {up
          ? <Icon sign="stop" label={`Stop ${name}`} busy={doing.busy} disabled={!change} onClick={() => act("stop")} />
          : <Icon sign="start" label={`Start ${name}`} busy={doing.busy} disabled={!change} onClick={() => act("start")} />}
        <Icon sign="cog" label={`Set up ${name}`} onClick={() => go("instances", id)} />
        <Menu label={`More of ${name}`} items={[
          { label: "Restart", disabled: !change, onDo: () => act("restart") },
          { label: "Exports", onDo: () => go("instances", id, "export") },
          { label: "Its events", onDo: () => go("events", name) },
          { label: "Delete…", disabled: !change, onDo: () => setDeleting(true) },
        ]} />
      </div>
      {deleting && <Delete instance={instance} onClose={() => setDeleting(false)} />}
    </li>
  );
}

const isBad = ({ state }: Receiver) => ["waiting", "blocked", "overflowing", "failed"].includes(state);

/** exports 5 ✓ 1 ⚠ */
function Exports({ id, exports }: { id: string; exports: Receiver[] }) {
  const on = exports.filter(({ state }) => state !== "disabled");
  const bad = on.filter(isBad).length;
  if (on.length === 0) return <a class="soft" href={to("instances", id, "export")}>no exports yet</a>;
  return (
    <a class="plain" href={to("instances", id, "export")}>
      exports {on.length > bad && <span>{on.length - bad} <span aria-label="fine">✓</span></span>} {bad > 0 && <span class="state warn">{bad}<span class="away"> with a problem</span></span>}
    </a>
  );
}

/** mqtt: broker unreachable, 1 204 waiting */
function Troubles({ exports }: { exports: Receiver[] }) {
  const bad = exports.filter(isBad);
  return (
    <>
      {bad.slice(0, TROUBLES).map((receiver) => (
        <div key={receiver.name} class={`state ${receiver.state === "failed" || receiver.state === "blocked" ? "bad" : "warn"}`} style={{ whiteSpace: "normal" }}>
          <span>{receiver.name}: <Words>{summary(receiver)}</Words></span>
        </div>
      ))}
      {bad.length > TROUBLES && <div class="soft small">and {bad.length - TROUBLES} more under Exports</div>}
    </>
  );
}

/** What is wrong with a receiver, in some words. */
export function summary(receiver: Receiver): string {
  const { state, problem, retry_in_ms, waiting } = receiver;
  const parts: string[] = [state];
  if (retry_in_ms != null) parts.push(`retry in ${span(retry_in_ms)}`);
  if (problem) parts.push(problem);
  if (waiting > 0) parts.push(`${count(waiting)} waiting`);
  return parts.join(", ");
}

function Delete({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const doing = useDoing();
  const waiting = instance.exports.reduce((sum, receiver) => sum + receiver.waiting, 0);
  const remove = async () => {
    const ok = await doing.run(() => api.deleteInstance(instance.id));
    void refresh();
    return ok;
  };
  return (
    <Confirm title={`Delete ${instance.name}?`} action="Delete" onDo={remove} onClose={onClose}>
      <p>Its file and its log go. {waiting > 0 ? <b>{plural(waiting, "log entry", "log entries")} still wait for its exports and go with it.</b> : "Nothing waits for its exports."}</p>
      <p class="soft">Files that its exports have written stay. Dead letters stay 7 days.</p>
      <Problems problems={doing.problems} />
    </Confirm>
  );
}

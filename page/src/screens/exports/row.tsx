// One custom export option: its state, its counters, what can be done with it.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import type { Export, Instance, Receiver, TestOutcome } from "../../api/types";
import { Button, copyText, Icon, pretty, Problems, State, Words } from "../../parts/basic";
import { Confirm, Menu } from "../../parts/dialog";
import { announce } from "../../parts/announce";
import { useAsked, useDoing } from "../../parts/hooks";
import { Player } from "../../live/player";
import { bytes, count, plural, span } from "../../parts/text";
import { useOffers } from "../../offers";
import { unsaved } from "../../parts/kept";
import { may, refresh, streams } from "../../state";
import { CopyTo } from "./copy-to";
import { draftKey } from "./draft";
import { Letters } from "./letters";
import { Outcome } from "./outcome";
import { Deliveries, DELIVERIES } from "./deliveries";
import { Duplicate } from "./duplicate";

/** Long enough to be read. */
const NOTE_MS = 4000;

type Open = "watch" | "delete" | "letters" | "deliveries" | "copy" | "duplicate" | null;

export function ExportRow({ instance, item, onEdit, onChanged }: { instance: Instance; item: Export; onEdit: () => void; onChanged: () => void }) {
  const [open, setOpen] = useState<Open>(null);
  const [outcome, setOutcome] = useState<TestOutcome | null>(null);
  const [note, setNote] = useState<string | null>(null);
  const noted = useRef<ReturnType<typeof setTimeout>>();
  const doing = useDoing();
  const testable = useOffers("/api/v1/instances/{id}/exports/{name}/test");
  const remembers = useOffers(DELIVERIES);
  const { id } = instance;
  const { name } = item;
  // The list of instances is asked for each second; the row need not ask for itself.
  const status = instance.exports.find((receiver) => receiver.name === name) ?? item.status;
  const titles = useAsked(streams, []);
  const what = item.sink ? titles.value?.find((one) => one.name === item.sink)?.title ?? item.sink : "Records";
  const paused = item.switch === "paused";
  const off = item.switch === "off";
  const state = status?.state ?? (off ? "disabled" : "running");
  const change = may("operator");
  const copied = (ok: boolean) => {
    setNote(ok ? `${name} is in the clipboard, as an instance file has it` : "The browser refused to copy it");
    announce(ok ? "Copied" : "Not copied");
    clearTimeout(noted.current);
    if (ok) noted.current = setTimeout(() => setNote(null), NOTE_MS);
  };
  useEffect(() => () => clearTimeout(noted.current), []);
  const after = async (ok: boolean) => {
    if (!ok) return;
    onChanged();
    await refresh();
  };
  const turn = (to: "on" | "paused" | "off") => void doing.run(() => api.switchExport(id, name, to)).then(after);
  const test = () => void doing.run(async () => setOutcome(await api.testExport(id, name)));
  const remove = async () => {
    const ok = await doing.run(() => api.deleteExport(id, name));
    await after(ok);
    return ok;
  };
  return (
    <li class="export row" data-export={name}>
      <div class="stack" style={{ gap: "4px" }}>
        <div class="title">
          <State state={state}><strong>{name}</strong></State>
          {["paused", "disabled", "finished"].includes(state) && <span class="badge">{state === "disabled" ? "off" : state}</span>}
          <span>{what} <span aria-hidden="true">→</span><span class="away">as</span> {item.format?.toUpperCase() ?? "unknown format"}</span>
          <code class="soft">{item.uri}</code>
          {unsaved(draftKey(id, name)) && <span class="badge accent">changes not saved</span>}
        </div>
        {status && <Counters status={status} />}
      </div>
      <div class="act">
        {item.format === "hls" && !off && <Button class="plain" aria-label={`Watch ${name}`} onClick={() => setOpen("watch")}>Watch</Button>}
        {off
          ? <Icon sign="start" label={`Switch on ${name}`} busy={doing.busy} disabled={!change} onClick={() => turn("on")} />
          : paused
            ? <Icon sign="start" label={`Go on with ${name}`} busy={doing.busy} disabled={!change} onClick={() => turn("on")} />
            : <Icon sign="pause" label={`Pause ${name}`} busy={doing.busy} disabled={!change} onClick={() => turn("paused")} />}
        <Icon sign="edit" label={`Edit ${name}`} disabled={!change} onClick={onEdit} />
        <Icon sign="trash" label={`Delete ${name}`} disabled={!change} onClick={() => setOpen("delete")} />
        <Menu label={`More of ${name}`} items={[
          ...(testable ? [{ label: "Send a test", disabled: !change || off, onDo: test }] : []),
          ...(remembers ? [{ label: "Last deliveries and errors", onDo: () => setOpen("deliveries") }] : []),
          { label: "Dead letters", onDo: () => setOpen("letters") },
          { label: "Copy as JSON", onDo: () => void copyText(pretty({ [name]: { uri: item.uri, sink: item.sink, enabled: !off, config: item.config } })).then(copied) },
          { label: "Duplicate…", disabled: !change, onDo: () => setOpen("duplicate") },
          { label: "Apply to other instances…", disabled: !change, onDo: () => setOpen("copy") },
          { label: off ? "Switch on" : "Switch off", disabled: !change, onDo: () => turn(off ? "on" : "off") },
        ]} />
      </div>
      <div class="full">{note && <p class="note small">{note}</p>}<Outcome outcome={outcome} /><Problems problems={doing.problems} onDismiss={doing.clear} /></div>
      {open === "delete" && (
        <Confirm title={`Delete ${name}?`} action="Delete" onDo={remove} onClose={() => setOpen(null)}>
          <p>{status && status.waiting > 0 ? <b>{plural(status.waiting, "log entry", "log entries")} still wait for it and go with it.</b> : "Nothing waits for it."} What it has written stays. Its dead letters stay 7 days.</p>
          <Problems problems={doing.problems} />
        </Confirm>
      )}
      {open === "watch" && <Player instance={id} name={name} onClose={() => setOpen(null)} />}
      {open === "letters" && <Letters instance={instance} name={name} onClose={() => setOpen(null)} />}
      {open === "deliveries" && <Deliveries instance={instance} name={name} onClose={() => setOpen(null)} />}
      {open === "copy" && <CopyTo from={instance} item={item} onClose={() => setOpen(null)} />}
      {open === "duplicate" && <Duplicate instance={instance} name={name} onClose={() => setOpen(null)} onDone={() => void after(true)} />}
    </li>
  );
}

/** 1 204 sent · 0 waiting, and what is wrong. */
export function Counters({ status }: { status: Receiver }) {
  const { delivered, waiting, refused, dropped, retried, undurable, outside, limited, problem, retry_in_ms, state } = status;
  const more: [number, string][] = [[refused, "dead"], [dropped, "dropped"], [retried, "sent again"], [undurable, "not durable"], [limited, "over the limit"], [outside, "outside the schedule"]];
  return (
    <>
      <div class="figures">
        <span><b data-sent="">{count(delivered)}</b> sent</span>
        {waiting < Number.MAX_SAFE_INTEGER && <span><b>{count(waiting)}</b> waiting</span>}
        {status.bytes > 0 && <span>{bytes(status.bytes)}</span>}
        {more.filter(([n]) => n > 0).map(([n, words]) => <span key={words}><b>{count(n)}</b> {words}</span>)}
      </div>
      {(problem || retry_in_ms != null) && (
        <span class={`state ${["failed", "blocked"].includes(state) ? "bad" : "warn"}`} style={{ whiteSpace: "normal" }}>
          {state}{retry_in_ms != null && ` (retry in ${span(retry_in_ms)})`}{problem && <>: <Words>{problem}</Words></>}
        </span>
      )}
    </>
  );
}

// The Data panel: any stream as a live table: freeze, filter, download.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { JsonObject, Stream } from "../api/types";
import { Button, download, JsonText } from "../parts/basic";
import { Drawing } from "../parts/icons";
import { count } from "../parts/text";
import { walk } from "../parts/walk";
import { streams } from "../state";
import { Connection } from "./connection";
import { useStream, type Line } from "./stream";
import { rowsOf } from "./rows";

/** More rows than anybody reads at once; the download has all that are kept. */
const ROWS = 60;

export function DataPanel({ id, name }: { id: string; name: string }) {
  const [all, setAll] = useState<Stream[]>([]);
  const [query, setQuery] = useState("types=event-*");
  const [frozen, setFrozen] = useState(false);
  const [wanted, setWanted] = useState("");
  const [open, setOpen] = useState<Line | null>(null);
  useEffect(() => void streams().then((list) => setAll(list.filter(({ kind }) => kind === "metadata")), () => {}), []);
  const { lines, seen, lost, behind, state, clear } = useStream(id, query, frozen);
  const shown = useMemo(() => {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    return words.length === 0 ? lines : lines.filter(({ object }) => {
      const text = JSON.stringify(object).toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }, [lines, wanted]);
  const { columns, rows } = useMemo(() => rowsOf(shown.slice(0, ROWS), ROWS), [shown]);
  const save = () => download(`${name}-${query.replace(/^\w+=/, "").replace(/[^a-z0-9_-]/gi, "")}.jsonl`,
    shown.map(({ object }) => JSON.stringify(object)).reverse().join("\n") + "\n", "application/x-ndjson");
  return (
    <section class="stack" aria-label="Data panel">
      <div class="line">
        <h2 class="away">Data</h2>
        <label class="away" for="data-stream">Stream</label>
        <select id="data-stream" style={{ width: "auto" }} value={query} onChange={(event) => { setOpen(null); setQuery(event.currentTarget.value); }}>
          <option value="types=event-*">Event records</option>
          <option value="">All records</option>
          {all.map((stream) => <option key={stream.name} value={`stream=${stream.name}`}>{stream.title}</option>)}
        </select>
        <label class="away" for="data-filter">Filter rows</label>
        <input id="data-filter" type="search" placeholder="Filter" value={wanted} class="grow" style={{ width: "80px", minWidth: "80px" }} onInput={(event) => setWanted(event.currentTarget.value)} />
        <button type="button" aria-pressed={frozen} onClick={() => setFrozen(!frozen)}><Drawing sign={frozen ? "start" : "freeze"} /> {frozen ? "Go on" : "Freeze"}</button>
        <Button onClick={save} disabled={shown.length === 0}>Download</Button>
        <Button class="plain" onClick={() => { clear(); setOpen(null); }} disabled={lines.length === 0}>Clear</Button>
      </div>
      {rows.length === 0
        ? <div class="empty small"><p>{wanted && lines.length > 0 ? `No row of ${lines.length} matches “${wanted}”.` : "Rows appear here as they come. Events need an area or a line: draw one under Analytics."}</p></div>
        : <div class="data" tabIndex={0} role="region" aria-label="Live rows"><table onKeyDown={walk}>
            <thead><tr>{columns.map((column) => <th key={column} scope="col">{column === "$id" ? "type" : column}</th>)}</tr></thead>
            <tbody>
              {rows.map(({ key, line, cells }, at) => (
                <tr key={key} tabIndex={at === 0 ? 0 : -1} onClick={() => setOpen(line)} onKeyDown={(event) => event.key === "Enter" && setOpen(line)}>
                  {cells.map((cell, n) => <td key={n} class={/^-?[\d.]+$/.test(cell) ? "number" : ""} title={cell}>{cell}</td>)}
                </tr>
              ))}
            </tbody>
          </table></div>}
      <p class="soft small"><Connection state={state} what="Data" /> · {count(seen)} seen{frozen && `, frozen; ${count(behind)} newer ones are kept until you go on`}{lost > 0 && `, ${count(lost)} not shown: too many for this page`}{rows.length > 0 && ", a row opens with a click or Enter"}</p>
      {open && <div class="stack"><div class="spread"><h3>Object</h3><Button class="plain" onClick={() => setOpen(null)}>Close</Button></div><JsonText value={shortened(open.object)} /></div>}
    </section>
  );
}

/** Pictures in records are long text that nobody reads. */
export function shortened(object: unknown): unknown {
  if (typeof object === "string" && object.length > 400) return `${object.slice(0, 40)}… (${count(object.length)} characters)`;
  if (Array.isArray(object)) return object.map(shortened);
  if (object && typeof object === "object") return Object.fromEntries(Object.entries(object as JsonObject).map(([key, value]) => [key, shortened(value)]));
  return object;
}

// The tail of the program's log.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { told } from "../../api/client";
import type { JsonObject } from "../../api/types";
import { Button, download, Failure, Loading } from "../../parts/basic";
import { useTail } from "../../parts/hooks";
import { clock } from "../../parts/text";

const EVERY_MS = 2000;
/** Lines kept to be looked at. */
const KEEP = 1000;

export function LogTail() {
  const [lines, setLines] = useState<JsonObject[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [level, setLevel] = useState("info");
  const [wanted, setWanted] = useState("");
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let after: number | undefined;
    let over = false;
    setLines(null);
    const look = async () => {
      try {
        const { lines: more, next } = await api.log(`level=${level}&limit=200${after === undefined ? "" : `&after=${after}`}`);
        if (over) return;
        const numbers = more.map((line) => Number(line.number ?? 0));
        after = next ?? (numbers.length > 0 ? Math.max(...numbers) : after);
        setLines((old) => {
          const known = new Set(old?.map((line) => line.number));
          return [...(old ?? []), ...more.filter((line) => !known.has(line.number as never))].slice(-KEEP);
        });
        setError(null);
      } catch (why) {
        if (!over) setError(told(why));
      }
    };
    void look();
    const timer = setInterval(() => document.hidden || void look(), EVERY_MS);
    return () => { over = true; clearInterval(timer); };
  }, [level]);
  useTail(box, lines);
  const text = (line: JsonObject) => {
    const whose = [line.instance, line.receiver].filter(Boolean).join(" / ");
    return `${clock(line.time as string)} ${String(line.level).padEnd(5)} ${whose}${whose && ": "}${line.message}`;
  };
  const shown = lines?.filter((line) => text(line).toLowerCase().includes(wanted.toLowerCase())) ?? [];
  return (
    <>
      <div class="tools">
        <label class="away" for="log-level">Level</label>
        <select id="log-level" style={{ width: "auto" }} value={level} onChange={(event) => setLevel(event.currentTarget.value)}>
          {["error", "warn", "info"].map((name) => <option key={name} value={name}>{name} and worse</option>)}
        </select>
        <label class="away" for="log-filter">Filter lines</label>
        <input id="log-filter" type="search" placeholder="Filter" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        <Button disabled={shown.length === 0} onClick={() => download("watchpost.log", shown.map(text).join("\n") + "\n", "text/plain")}>Download</Button>
      </div>
      <Failure error={error} />
      {!lines && !error && <Loading what="the log" />}
      <div class="card log" ref={box} tabIndex={0} role="region" aria-label="Log">
        {shown.map((line) => <div key={String(line.number)} class={String(line.level)}>{text(line)}</div>)}
        {lines && shown.length === 0 && <span class="soft">{lines.length > 0 ? `No line of ${lines.length} matches.` : "Nothing of that level was said since Watchpost started."}</span>}
      </div>
    </>
  );
}

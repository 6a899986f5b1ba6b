// Any stream of an instance, or its records, as they come.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import type { JsonObject } from "../api/types";
import { follow, type LiveState } from "./sse";

export interface Line {
  number: number;
  object: JsonObject;
}

/** Objects kept to be looked at and downloaded: some minutes of tracks, and some megabytes at most. */
const KEEP = 500;
/** Between two looks of the table: quicker nobody reads. */
const EVERY_MS = 250;

/** The newest objects of a stream, newest first. While `frozen`, what comes is kept and not shown: `behind` says how many. */
export function useStream(id: string, query: string, frozen: boolean): { lines: Line[]; seen: number; lost: number; behind: number; state: LiveState; clear: () => void } {
  const kept = useRef<Line[]>([]);
  const counts = useRef({ seen: 0, lost: 0 });
  const [view, setView] = useState<{ lines: Line[]; seen: number; lost: number }>({ lines: [], seen: 0, lost: 0 });
  const [all, setAll] = useState(0);
  const [state, setState] = useState<LiveState>({ kind: "connecting" });
  useEffect(() => {
    kept.current = [];
    counts.current = { seen: 0, lost: 0 };
    setView({ lines: [], seen: 0, lost: 0 });
    // Also while its tab is hidden: who lets it run there wants to find the rows.
    return follow({
      url: api.liveUrl(id, query),
      onMessage: ({ event, data }) => {
        if (event === "lost") counts.current.lost += (JSON.parse(data) as { lost: number }).lost;
        else kept.current.unshift({ number: ++counts.current.seen, object: JSON.parse(data) as JsonObject });
        if (kept.current.length > KEEP) kept.current.length = KEEP;
      },
      onState: setState,
    });
  }, [id, query]);
  useEffect(() => {
    const show = () => setView((old) => (old.seen === counts.current.seen ? old : { lines: [...kept.current], ...counts.current }));
    const look = frozen ? () => setAll(counts.current.seen) : show;
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [id, query, frozen]);
  const clear = () => {
    kept.current = [];
    setView({ lines: [], ...counts.current });
  };
  return { ...view, state, behind: frozen ? Math.max(0, all - view.seen) : 0, clear };
}

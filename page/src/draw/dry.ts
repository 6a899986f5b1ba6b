// What areas and lines would have fired on what was just seen, before they are saved: asked while one draws.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { problemsOf } from "../api/client";
import type { AnalyticsTest, Problem } from "../api/types";
import { useRested } from "../parts/hooks";
import { useOffers } from "../offers";
import { may } from "../state";
import type { Shapes } from "./shapes";

/** A pause of the hand. */
const REST_MS = 400;
/** The last minute moves on, and so do its counts. */
const EVERY_MS = 5000;

export interface Dry {
  result: AnalyticsTest | null;
  /** The counts are of what was drawn before; new ones are on their way. */
  old: boolean;
  /** What is wrong with what is drawn, at its place. */
  problems: Problem[];
}

export function useDry(id: string, shapes: Shapes): Dry | null {
  const offered = useOffers("/api/v1/instances/{id}/analytics-test") && may("operator");
  const [state, set] = useState<{ of: string; result: AnalyticsTest | null; problems: Problem[] }>({ of: "", result: null, problems: [] });
  const wanted = JSON.stringify(shapes.document());
  const rested = useRested(wanted, REST_MS);
  const none = shapes.all.length === 0;
  useEffect(() => {
    if (!offered || none) return;
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      try {
        const result = document.hidden ? null : await api.testAnalytics(id, JSON.parse(rested));
        if (!over && result) set({ of: rested, result, problems: [] });
      } catch (error) {
        if (!over) set({ of: rested, result: null, problems: problemsOf(error) });
      }
      if (!over) timer = setTimeout(ask, EVERY_MS);
    };
    void ask();
    return () => { over = true; clearTimeout(timer); };
  }, [id, offered, rested, none]);
  return offered && !none ? { result: state.result, old: state.of !== wanted, problems: state.problems } : null;
}

/** How often one of them would have fired. */
export function times(dry: Dry | null, shape: string): number | null {
  if (!dry?.result) return null;
  return Object.values(dry.result.counts[shape] ?? {}).reduce((sum, count) => sum + count, 0);
}

/** The minute that is kept may begin between two frames. */
const ALMOST_S = 58;

/** The time that was looked at: shorter where the instance has just begun. */
export const minute = ({ result }: Dry) => (result && result.seconds < ALMOST_S ? `the last ${Math.max(1, Math.round(result.seconds))} s` : "the last minute");

// How a live connection is, in words: that it is lost, since when, why, and when it is tried again.
import { useEffect, useRef } from "preact/hooks";
import { announce } from "../parts/announce";
import { useTick } from "../parts/hooks";
import { span } from "../parts/text";
import type { LiveState } from "./sse";

/** `what` comes over it: "Events". */
export function Connection({ state, what }: { state: LiveState; what: string }) {
  const was = useRef(state.kind);
  useEffect(() => {
    if (state.kind === "lost" && was.current !== "lost") announce(`${what}: the live connection is lost; it is tried again`);
    if (state.kind === "live" && was.current === "lost") announce(`${what} are live again`);
    // While it is tried again it is still lost.
    if (state.kind !== "connecting") was.current = state.kind;
  }, [state.kind]);
  return (
    <span class="small" data-live={state.kind}>
      {state.kind === "live" && <span class="state good">live</span>}
      {state.kind === "connecting" && <span class="state">connecting…</span>}
      {state.kind === "resting" && <span class="state">resting while this tab is hidden</span>}
      {state.kind === "lost" && <Lost state={state} />}
    </span>
  );
}

function Lost({ state: { since, why, againAt } }: { state: LiveState & { kind: "lost" } }) {
  useTick(1000);
  const now = performance.now();
  return (
    <span class="state warn" style={{ whiteSpace: "normal" }}>
      <span>Connection lost<span aria-hidden="true"> {span(now - since)} ago</span>. {why} <span aria-hidden="true">{againAt > now ? `Tried again in ${span(againAt - now)}.` : "Trying again…"}</span></span>
    </span>
  );
}

// A small live picture: one JPEG every other second while it is in sight. One that is old says how old.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance } from "../../api/types";
import { useTick } from "../../parts/hooks";
import { span } from "../../parts/text";
import { to } from "../../route";
import { isUp } from "./list";

/** Enough to see that a camera lives; the window shows every frame. */
const EVERY_MS = 2000;
/** A camera that sends a picture every five seconds is not late. */
const OLD_MS = 10_000;

interface Shown {
  url: string;
  /** Which frame. */
  frame: string;
  /** When it was taken, or first seen to be the last; ms of `performance.now()`. */
  at: number;
}

export function Thumbnail({ instance }: { instance: Instance }) {
  const { id, name, state } = instance;
  const [shown, show] = useState<Shown | null>(null);
  const latest = useRef<Shown | null>(null);
  const box = useRef<HTMLAnchorElement>(null);
  const up = isUp(state);
  useEffect(() => {
    let seen = true;
    let gone = false;
    let timer: ReturnType<typeof setTimeout>;
    const observer = new IntersectionObserver(([entry]) => { seen = entry?.isIntersecting ?? true; });
    if (box.current) observer.observe(box.current);
    const look = async () => {
      if (seen && !document.hidden) {
        try {
          const response = await fetch(api.frameUrl(id, "width=320"));
          const blob = response.status === 200 ? await response.blob() : null;
          if (gone) return;
          const frame = response.headers.get("watchpost-frame-id") ?? "";
          const before = latest.current;
          if (blob && frame !== before?.frame) {
            // One that runs has just taken it; of one that does not, the server knows when that was.
            const at = performance.now() - (up ? 0 : ageOf(response));
            latest.current = { url: URL.createObjectURL(blob), frame, at };
            show(latest.current);
            if (before) URL.revokeObjectURL(before.url);
          }
        } catch {
          // The next look tells; that the server is away is said elsewhere.
        }
      }
      if (!gone) timer = setTimeout(look, latest.current || !up ? EVERY_MS : EVERY_MS / 4);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
      observer.disconnect();
    };
  }, [id, up]);
  useEffect(() => () => { if (latest.current) URL.revokeObjectURL(latest.current.url); }, []);
  return (
    <a class="thumb" href={to("instances", id)} ref={box} tabIndex={-1} aria-hidden="true">
      {shown ? <img src={shown.url} alt={`Live picture of ${name}`} /> : <span class="soft">{up && !instance.problem ? "opening…" : "no picture"}</span>}
      {shown && <Old at={shown.at} />}
    </a>
  );
}

function Old({ at }: { at: number }) {
  useTick(1000);
  const age = performance.now() - at;
  return age > OLD_MS ? <span class="old">{span(age)} old</span> : null;
}

/** By the server's own clock, in ms: the browser's may be another. */
function ageOf(response: Response): number {
  const now = Date.parse(response.headers.get("Date") ?? "");
  const taken = Number(response.headers.get("watchpost-system-timestamp"));
  return taken > 0 && now > taken ? now - taken : 0;
}

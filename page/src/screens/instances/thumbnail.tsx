// A small live picture: one JPEG every other second while it is in sight.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance } from "../../api/types";
import { to } from "../../route";
import { isUp } from "./list";

/** Enough to see that a camera lives; the window shows every frame. */
const EVERY_MS = 2000;

export function Thumbnail({ instance }: { instance: Instance }) {
  const { id, name, state } = instance;
  const [url, setUrl] = useState<string | null>(null);
  const box = useRef<HTMLAnchorElement>(null);
  const up = isUp(state);
  useEffect(() => {
    let seen = true;
    let gone = false;
    let last: string | null = null;
    let timer: ReturnType<typeof setTimeout>;
    const observer = new IntersectionObserver(([entry]) => { seen = entry?.isIntersecting ?? true; });
    if (box.current) observer.observe(box.current);
    const look = async () => {
      if (seen && !document.hidden) {
        try {
          const response = await fetch(api.frameUrl(id, "width=320"));
          const blob = response.status === 200 ? await response.blob() : null;
          if (gone) return;
          if (blob) {
            const next = URL.createObjectURL(blob);
            setUrl(next);
            if (last) URL.revokeObjectURL(last);
            last = next;
          }
        } catch {
          // The next look tells; that the server is away is said elsewhere.
        }
      }
      if (!gone) timer = setTimeout(look, last || !up ? EVERY_MS : EVERY_MS / 4);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
      observer.disconnect();
      if (last) URL.revokeObjectURL(last);
    };
  }, [id, up]);
  return (
    <a class="thumb" href={to("instances", id)} ref={box} tabIndex={-1} aria-hidden="true">
      {url ? <img src={url} alt={`Live picture of ${name}`} /> : <span class="soft">{up && !instance.problem ? "opening…" : "no picture"}</span>}
    </a>
  );
}

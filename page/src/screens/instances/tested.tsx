// What the test of a source has shown.
import type { Problem, SourceTest } from "../../api/types";
import { Problems } from "../../parts/basic";
import { span } from "../../parts/text";

export function Tested({ test, busy }: { test: { result?: SourceTest; problems?: Problem[] } | null; busy: boolean }) {
  if (busy) return <div class="picture"><div class="waiting low" role="status">Opening it; the first picture is here within 3 s, or the reason why not</div></div>;
  if (!test) return null;
  if (test.problems) return <Problems problems={test.problems} />;
  const { picture, width, height, codec, fps, duration_s, live, took_ms } = test.result ?? {};
  const facts = [
    width && `${width}×${height}`, codec, fps && `${Number(fps.toFixed(2))} fps`,
    live ? "live" : duration_s != null && `${span(duration_s * 1000)} long`,
    took_ms !== undefined && `opened in ${(took_ms / 1000).toFixed(1)} s`,
  ].filter(Boolean);
  return (
    <figure class="stack" data-tested="">
      {picture && <div class="picture"><img src={picture} alt="First picture of the source" /></div>}
      <figcaption role="status"><span class="state good">It works</span> <span class="soft">{facts.join(" · ")}</span></figcaption>
    </figure>
  );
}

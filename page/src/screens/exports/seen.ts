// The sample of what is chosen, where the instance's log has none because nothing exports it yet: the next objects of the
// stream, or the latest event. What somebody looks at is logged, so the server's preview of a dynamic address has it too.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import type { Json, JsonObject } from "../../api/types";
import { follow } from "../../live/sse";

/** The first is shown at once. When the second comes, the first is in the log for the server's own previews. */
const OBJECTS = 2;

/** `wanted`: nothing real is known. */
export function useSeen(id: string, sink: string | null, ids: string[], wanted: boolean): Json | null {
  const types = sink === "" ? ids.join(",") : "";
  const of = `${sink}:${types}`;
  const [seen, set] = useState<{ of: string; object: Json } | null>(null);
  useEffect(() => {
    if (!wanted || sink === null || (sink === "" && types === "")) return;
    if (sink === "") {
      let over = false;
      // Without it the sample is made up, and says so.
      api.events(new URLSearchParams({ instance: id, types, limit: "1" }).toString())
        .then(({ events }) => over || !events[0] || set({ of, object: events[0].record }), () => {});
      return () => { over = true; };
    }
    let left = OBJECTS;
    const stop = follow({
      url: api.liveUrl(id, new URLSearchParams({ stream: sink }).toString()),
      onState: () => {},
      onMessage: ({ event, data }) => {
        if (event === "lost" || left === 0) return;
        set({ of, object: JSON.parse(data) as JsonObject });
        if (--left === 0) stop();
      },
    });
    return stop;
  }, [id, of, wanted]);
  return seen?.of === of ? seen.object : null;
}

// "Would have fired 3 times in the last minute": the draft held against the last minute of tracks, before saving.
import { useEffect, useState } from "preact/hooks";
import { request } from "../../api/client";
import { told } from "../../api/client";
import type { Instance, JsonObject } from "../../api/types";
import { useRested } from "../../parts/hooks";
import { plural } from "../../parts/text";
import { nameOf, type Shapes } from "../../draw/shapes";

/** A pause of the hand that draws. */
const REST_MS = 500;
/** What it looks back on, in seconds. */
const LOOK_BACK_S = 60;

export function Fired({ instance, shapes }: { instance: Instance; shapes: Shapes }) {
  const patch = JSON.stringify(shapes.patch());
  const rested = useRested(patch, REST_MS);
  const [told_, setTold] = useState<string | null>(null);
  const dirty = shapes.dirty;
  useEffect(() => {
    setTold(null);
    if (!dirty) return;
    let over = false;
    type Answer = { counts: { [id: string]: { [type: string]: number } }; seconds?: number };
    request<Answer>("POST", `/api/v1/instances/${instance.id}/analytics-test`, { body: { ...(JSON.parse(rested) as JsonObject), seconds: LOOK_BACK_S } }).then(
      ({ value: { counts, seconds = LOOK_BACK_S } }) => {
        if (over) return;
        const lines = Object.entries(counts).flatMap(([id, types]) => {
          const shape = shapes.all.find((one) => one.id === id);
          const total = Object.values(types).reduce((sum, n) => sum + n, 0);
          return shape ? [`${nameOf(shape)}: ${plural(total, "event")}`] : [];
        });
        setTold(lines.length > 0 ? `In the last ${Math.round(seconds)} s there would have been: ${lines.join(", ")}` : `Nothing would have happened in the last ${Math.round(seconds)} s`);
      },
      (error) => over || setTold(/nothing at/.test(told(error)) ? null : told(error)),
    );
    return () => { over = true; };
  }, [rested, dirty]);
  return told_ ? <p class="note" role="status">{told_}</p> : null;
}

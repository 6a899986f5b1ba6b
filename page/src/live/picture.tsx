// The Output panel: the clean live picture, boxes drawn over it by the page, and room for handles above.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Instance } from "../api/types";
import { span } from "../parts/text";
import { useTick } from "../parts/hooks";
import { isUp } from "../screens/instances/list";
import { Frames, type Shown } from "./frames";

/** Wide enough for the panel on a large screen, and half the bytes of a full picture. */
const WIDTH = 960;
const COLOURS: Record<string, string> = { Person: "#ffd43b", Vehicle: "#74c0fc", Animal: "#8ce99a", Face: "#faa2c1", Unknown: "#ff922b" };
/** Without a picture for so long, it says so. */
const OLD_MS = 2500;

export function Picture({ instance, boxes, children }: { instance: Instance; boxes: boolean; children?: ComponentChildren }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = useRef<Shown | null>(null);
  const [at, setAt] = useState(0);
  const [away, setAway] = useState<string | null>(null);
  const { id, state } = instance;
  const up = isUp(state);
  const withBoxes = useRef(boxes);
  withBoxes.current = boxes;
  useEffect(() => {
    let first = true;
    const frames = new Frames(id, WIDTH, (next) => {
      shown.current?.bitmap.close();
      shown.current = next;
      if (canvas.current) draw(canvas.current, next, withBoxes.current);
      lastPicture = performance.now();
      if (first) {
        first = false;
        setAt(lastPicture);
        setAway(null);
      }
    }, (why) => { first = true; setAway(why); });
    let lastPicture = 0;
    const timer = setInterval(() => lastPicture && setAt(lastPicture), 1000);
    return () => {
      frames.stop();
      clearInterval(timer);
      shown.current?.bitmap.close();
      shown.current = null;
    };
  }, [id, up]);
  useTick(1000);
  const old = performance.now() - at;
  return (
    <div class="picture" data-picture={at > 0 ? "there" : "none"}>
      <canvas ref={canvas} width={WIDTH} height={WIDTH * 9 / 16} hidden={at === 0} role="img"
        aria-label={`Live picture of ${instance.name}${boxes ? " with boxes" : ""}`} />
      {at === 0 && <div class="waiting">{up ? instance.problem ? "No picture yet. Why stands above; it is tried again and again." : away ?? "Waiting for the first picture…" : `No picture: the instance is ${state}. Start it to see it live.`}</div>}
      {at > 0 && (!up || old > OLD_MS) && <span class="over">{up ? "No new picture" : state}, this one is {span(old)} old</span>}
      {at > 0 && children}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, { bitmap, boxes, frameId }: Shown, withBoxes: boolean) {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const { width, height } = canvas;
  pen.drawImage(bitmap, 0, 0);
  canvas.dataset.frame = String(frameId);
  canvas.dataset.boxes = String(withBoxes ? boxes.length : 0);
  if (!withBoxes) return;
  pen.lineWidth = Math.max(2, width / 480);
  pen.font = `600 ${Math.max(12, Math.round(width / 64))}px system-ui, sans-serif`;
  pen.textBaseline = "bottom";
  for (const box of boxes) {
    const colour = COLOURS[box.object_class] ?? COLOURS.Unknown ?? "#fff";
    const [x, y] = [box.x * width, box.y * height];
    pen.strokeStyle = colour;
    pen.strokeRect(x, y, box.width * width, box.height * height);
    if (box.object_class === "Unknown") continue;
    const text = box.object_class;
    const wide = pen.measureText(text).width + 8;
    pen.fillStyle = colour;
    pen.fillRect(x, y - width / 52, wide, width / 52);
    pen.fillStyle = "#000";
    pen.fillText(text, x + 4, y);
  }
}

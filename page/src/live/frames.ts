// Pictures of a running instance one after another, each with the boxes that were found in that very frame: the server
// gives both in one answer, so they are in step whatever the network does.
import { api } from "../api";
import { get } from "../api/client";
import { shown } from "./sse";

export interface Box {
  track_id: string;
  object_class: string;
  x: number;
  y: number;
  width: number;
  height: number;
  confidence: number;
}

interface View {
  frame_id: number;
  system_timestamp: number;
  width: number;
  height: number;
  /** A data URL. */
  picture: string;
  boxes: Box[];
}

export interface Shown {
  bitmap: ImageBitmap;
  frameId: number;
  /** Unix ms at which the frame was taken. */
  taken: number;
  boxes: Box[];
}

/** Pictures a second: beyond this nobody sees more. */
const LEAST_MS = 33;
/** After something went wrong. */
const AGAIN_MS = 1000;

export class Frames {
  private over = new AbortController();

  constructor(private id: string, private width: number, private onShow: (shown: Shown) => void, private onAway: (why: string) => void) {
    void this.run();
  }

  stop() {
    this.over.abort();
  }

  private async run() {
    let after: number | null = null;
    while (!this.over.signal.aborted) {
      // While nobody looks it holds none of the browser's few connections, and the server encodes nothing for it.
      if (document.hidden) {
        await shown(this.over.signal);
        after = null;
        continue;
      }
      const began = performance.now();
      try {
        // The server waits for a newer one, and answers with nothing after some seconds.
        const view: View | "" = await get<View | "">(api.viewUrl(this.id, `width=${this.width}${after === null ? "" : `&after=${after}`}`), this.over.signal);
        if (view === "") {
          // A source that was opened again counts from 0 again.
          after = null;
          this.onAway("No new picture");
          await pause(AGAIN_MS);
          continue;
        }
        const bitmap = await createImageBitmap(blobOf(view.picture));
        if (this.over.signal.aborted) return bitmap.close();
        after = view.frame_id;
        this.onShow({ bitmap, frameId: view.frame_id, taken: view.system_timestamp, boxes: view.boxes });
      } catch (error) {
        if (this.over.signal.aborted) return;
        after = null;
        this.onAway(error instanceof Error ? error.message : String(error));
        await pause(AGAIN_MS);
      }
      await pause(LEAST_MS - (performance.now() - began));
    }
  }
}

const pause = (ms: number) => (ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : Promise.resolve());

function blobOf(dataUrl: string): Blob {
  const comma = dataUrl.indexOf(",");
  const text = atob(dataUrl.slice(comma + 1));
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return new Blob([bytes], { type: dataUrl.slice(5, dataUrl.indexOf(";")) });
}

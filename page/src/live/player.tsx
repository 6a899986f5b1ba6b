// An HLS export as its viewers see it. The player is loaded when it is opened.
import { useEffect, useRef, useState } from "preact/hooks";
import { told } from "../api/client";
import { Copy, Failure } from "../parts/basic";
import { Dialog } from "../parts/dialog";

export function Player({ instance, name, onClose }: { instance: string; name: string; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [error, setError] = useState<string | null>(null);
  const [turn, again] = useState(0);
  const path = `/hls/${encodeURIComponent(instance)}/${encodeURIComponent(name)}.m3u8`;
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    let over = false;
    let stop = () => {};
    setError(null);
    import("hls.js/light").then(({ default: Hls }) => {
      if (over) return;
      if (!Hls.isSupported()) {
        // Safari plays it by itself.
        element.src = path;
        return;
      }
      const hls = new Hls({ enableWorker: true, lowLatencyMode: true });
      stop = () => hls.destroy();
      hls.on(Hls.Events.ERROR, (_, data) => {
        if (data.fatal) setError(`The stream cannot be played (${data.details}). It plays while the instance runs; a source just started needs some seconds.`);
      });
      hls.loadSource(path);
      hls.attachMedia(element);
    }).catch((why) => setError(told(why)));
    return () => {
      over = true;
      stop();
    };
  }, [path, turn]);
  return (
    <Dialog title={`Watch ${name}`} onClose={onClose} wide>
      <Failure error={error} onAgain={() => again(turn + 1)} />
      <div class="picture"><video ref={video} controls muted autoPlay playsInline aria-label={`Video of ${name}`} /></div>
      <div class="line"><code>{location.origin + path}</code><Copy text={() => location.origin + path} label="Copy the address" /></div>
    </Dialog>
  );
}

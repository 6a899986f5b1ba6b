// "Add instance": one box for an address or a file, a test that shows the picture, done.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { problemsOf } from "../../api/client";
import type { JsonObject, Problem, SourceTest } from "../../api/types";
import { Button, Problems, Restored } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { Text } from "../../forms/field";
import { useDoing } from "../../parts/hooks";
import { useDraft } from "../../parts/kept";
import { go } from "../../route";
import { useOffers } from "../../offers";
import { refresh } from "../../state";
import { Tested } from "./tested";

/** Where what is typed is kept. */
export const ADDING = "add";
/** `name`: as somebody has typed it; `null`: it follows the address. */
const EMPTY: { uri: string; name: string | null; start: boolean; loop: boolean } = { uri: "", name: null, start: true, loop: false };

export function AddInstance({ onClose }: { onClose: () => void }) {
  const draft = useDraft(ADDING, EMPTY);
  const { uri, start, loop } = draft.value;
  const [test, setTest] = useState<{ of: string; result?: SourceTest; problems?: Problem[] } | null>(null);
  const [over, setOver] = useState(false);
  const doing = useDoing();
  const uploads = useOffers("/api/v1/uploads");
  const testing = useRef(0);
  const [busy, setBusy] = useState(false);
  const [sending, setSending] = useState<number | null>(null);
  const name = draft.value.name ?? nameOf(uri);
  // What a test says afterwards is of no interest any more.
  useEffect(() => () => void testing.current++, []);
  const leave = (how: "aside" | "drop") => () => { draft[how](); onClose(); };
  const input = () => ({ uri: uri.trim(), ...(loop ? { loop: true } : {}) });

  const tryIt = async (address = uri.trim()) => {
    const mine = ++testing.current;
    setBusy(true);
    setTest(null);
    try {
      const result = await api.testSource({ uri: address });
      if (testing.current === mine) {
        setTest({ of: address, result });
        // A recording in a demo or a test bench is wanted again and again; a camera has no end.
        if (result.live === false && result.duration_s != null) draft.change({ loop: true });
      }
    } catch (error) {
      if (testing.current === mine) setTest({ of: address, problems: problemsOf(error) });
    }
    if (testing.current === mine) setBusy(false);
  };

  const drop = async (file: File | undefined) => {
    setOver(false);
    if (!file) return;
    await doing.run(async () => {
      setSending(0);
      const { uri: stored } = await api.upload(file, setSending).finally(() => setSending(null));
      draft.change({ uri: stored, name: nameOf(file.name) });
      await tryIt(stored);
    });
  };

  const save = async () => {
    const document: JsonObject = {
      DisplayName: name.trim(), Solution: "securt", AutoStart: start, Input: input(),
      Output: { handlers: {}, preprocess_version: 2, render_preset: "Default" },
    };
    await doing.run(async () => {
      const made = await api.addInstance(document);
      if (start && made.state === "stopped") await api.act(made.id, "start");
      await refresh();
      leave("drop")();
      go("instances", made.id);
    });
  };

  const foot = (
    <>
      <Button onClick={leave("drop")}>{draft.dirty ? "Discard" : "Cancel"}</Button>
      <Button class="main" busy={doing.busy} disabled={!uri.trim() || !name.trim()} onClick={() => void save()}>Add</Button>
    </>
  );
  return (
    <Dialog title="Add instance" onClose={leave("aside")} foot={foot}>
      {draft.restored && draft.dirty && <Restored what="entries" of={ADDING} />}
      <form noValidate class="stack" onSubmit={(event) => { event.preventDefault(); void tryIt(); }}>
        <div class={over ? "drop over" : "drop"}
          onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
          onDrop={(event) => { event.preventDefault(); if (uploads) void drop(event.dataTransfer?.files[0]); }}>
          <Text label="Address or file" value={uri} onChange={(next) => { draft.change({ uri: next }); setTest(null); }} focus spellcheck={false}
            placeholder="rtsp://user:password@camera/stream1"
            help={`rtsp://, http://, v4l2:///dev/video0, a path on the server${uploads ? ", or drop a video file here" : ""}`}
            beside={<>
              <Button type="submit" busy={busy} busyText="Testing…" disabled={!uri.trim()}>Test</Button>
              {uploads && <label class="button">Choose a file<input type="file" class="away" accept="video/*,.avi,.mkv,.ts"
                onChange={(event) => void drop(event.currentTarget.files?.[0])} /></label>}
            </>} />
        </div>
        {sending !== null && <div class="line"><progress class="grow" value={sending} max={1} aria-label="Sending the file" /><span>{Math.round(sending * 100)} %</span></div>}
        <Tested test={test} busy={busy} />
        <Text label="Name" value={name} onChange={(next) => draft.change({ name: next })} help="Filled in from the source; change it as you like" />
        <div class="check">
          <input type="checkbox" id="add-start" checked={start} onChange={(event) => draft.change({ start: event.currentTarget.checked })} />
          <label for="add-start">Start it now, and whenever Watchpost starts</label>
        </div>
        <div class="check">
          <input type="checkbox" id="add-loop" checked={loop} onChange={(event) => draft.change({ loop: event.currentTarget.checked })} />
          <label for="add-loop">Play it again and again</label>
          <span class="help">For files; a camera has no end</span>
        </div>
        <Problems problems={doing.problems} onDismiss={doing.clear} />
      </form>
    </Dialog>
  );
}

/** "stream1 of 10.0.0.7", "vtest": a first name; nobody is held to it. */
export function nameOf(uri: string): string {
  const text = uri.trim();
  if (!text) return "";
  try {
    const url = new URL(text);
    if (url.hostname) return [url.pathname.split("/").filter(Boolean).pop(), url.hostname].filter(Boolean).join(" of ");
  } catch {
    // A path.
  }
  const file = text.split(/[\\/]/).filter(Boolean).pop() ?? text;
  return file.replace(/\.[a-z0-9]{2,4}$/i, "");
}

// Server-sent events (WHATWG HTML, "Server-sent events") over `fetch`. Unlike the browser's own EventSource it begins behind an
// id that is known already, says why a server refuses, tries again after that too, and notices a connection that has died
// without a word.
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { openStream, told } from "../api/client";

/** How the connection is. `lost`: since when, why, and when it is tried again, in ms of `performance.now()`. */
export type LiveState =
  | { kind: "connecting" }
  | { kind: "live" }
  /** Nobody looks; it goes on where it was when somebody does. */
  | { kind: "resting" }
  | { kind: "lost"; since: number; why: string; againAt: number };

export interface Live {
  url: string;
  onMessage: (message: EventSourceMessage) => void;
  onState: (state: LiveState) => void;
  /** Asked before each connection until one of its messages has had an id: behind which id to begin. It may fail. */
  begin?: () => Promise<string | undefined>;
  /** Whether it may be closed while its tab is hidden: a browser has six connections to a server, for all tabs together. */
  rests?: boolean;
}

/** Between two tries. A server that restarts is back after the first ones; one that is away for long is not hammered. */
const AGAIN_MS = [1000, 2000, 5000, 10_000];
/** The server says something every 15 s (`KEEP_ALIVE` in crates/api/src/live.rs): after so long it has gone, or the way to it. */
const SILENT_MS = 40_000;
/** Whoever looks at another tab for a moment keeps the connection. */
const REST_AFTER_MS = 10_000;
/** A record with its crop has some hundred kB; a message that never ends is not kept. */
const MOST_CHARS = 16 << 20;

/** Follows until what it returns is called. */
export function follow(live: Live): () => void {
  const over = new AbortController();
  void run(live, over.signal);
  return () => over.abort();
}

async function run(live: Live, over: AbortSignal) {
  let lastId: string | undefined;
  let tries = 0;
  let lost: number | null = null;
  const onMessage = (message: EventSourceMessage) => {
    lastId = message.id ?? lastId;
    live.onMessage(message);
  };
  const onLive = () => {
    tries = 0;
    lost = null;
    live.onState({ kind: "live" });
  };
  live.onState({ kind: "connecting" });
  while (!over.aborted) {
    if (live.rests && document.hidden) {
      live.onState({ kind: "resting" });
      await shown(over);
      continue;
    }
    let why = "The server has ended the connection.";
    try {
      lastId ??= await live.begin?.();
      if (over.aborted) return;
      const left = await read(live, lastId, over, onMessage, onLive);
      if (left === "hidden") continue;
      if (left === "silent") why = "The server has not said anything for too long.";
    } catch (error) {
      if (over.aborted) return;
      why = told(error);
    }
    const wait = AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)] ?? 1000;
    lost ??= performance.now();
    live.onState({ kind: "lost", since: lost, why, againAt: performance.now() + wait });
    await pause(wait, over);
  }
}

/** Why a connection was over. */
type Left = "ended" | "silent" | "hidden";

/** One connection, to its end. */
async function read(live: Live, lastId: string | undefined, over: AbortSignal, onMessage: (message: EventSourceMessage) => void, onLive: () => void): Promise<Left> {
  const attempt = new AbortController();
  let left = "ended" as Left;
  const leave = (why: Left) => { left = why; attempt.abort(); };
  let silence: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => leave("silent"), SILENT_MS);
  };
  let rest: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(rest);
    if (live.rests && document.hidden) rest = setTimeout(() => leave("hidden"), REST_AFTER_MS);
  };
  document.addEventListener("visibilitychange", look);
  try {
    heard();
    const body = await openStream(live.url, lastId === undefined ? {} : { "Last-Event-ID": lastId }, AbortSignal.any([over, attempt.signal]));
    onLive();
    const parser = createParser({ onEvent: onMessage, maxBufferSize: MOST_CHARS });
    const reader = body.getReader();
    const text = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return left;
      heard();
      parser.feed(text.decode(value, { stream: true }));
    }
  } catch (error) {
    if (left !== "ended" && !over.aborted) return left;
    // What has been read so far was cut off: the browser's own words for it differ and help nobody.
    if (error instanceof TypeError) throw new Error("The connection to the server was cut.");
    throw error;
  } finally {
    clearTimeout(silence);
    clearTimeout(rest);
    document.removeEventListener("visibilitychange", look);
    attempt.abort();
  }
}

/** Waits, or until the network is back. */
function pause(ms: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      over.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    over.addEventListener("abort", done);
  });
}

/** Until somebody looks at this tab. */
export function shown(over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !over.aborted) return;
      document.removeEventListener("visibilitychange", look);
      over.removeEventListener("abort", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    over.addEventListener("abort", look);
    look();
  });
}

// The latest events of all instances, as they come.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import { told } from "../api/client";
import type { EventEntry } from "../api/types";
import { follow, type LiveState } from "./sse";

/** Asked for at once. */
const PAGE = 50;
/** Shown at most without asking for older ones; with them, in all. Each has a crop of some kB in this page's memory. */
const MOST = 100;
const MOST_WITH_OLDER = 500;
/** As many as the server lists in one answer. */
const MOST_LISTED = 200;
/** Between two looks of the screen: a site with 200 instances has many events a second, and nobody reads quicker. */
const SHOW_MS = 250;
/** Until it is asked anew how far events have come at their receivers; while nothing changes there, up to the second. */
const SETTLE_MS = 2000;
const SETTLE_MOST_MS = 15_000;
/** The stream tells of an event before it is in the log, and who takes it is known from then on. */
const LOGGED_MS = 1000;

/** One event on the screen. `since`: it has come over the stream, in ms of `performance.now()`, and nothing is known yet of who takes it. */
export type Shown = EventEntry & { since?: number };

export interface Feed {
  events: Shown[];
  /** Whether nothing has been answered yet. */
  waiting: boolean;
  state: LiveState;
  /** Of all instances, whatever the filter: gone from the server before this page could take them. */
  missed: number;
  /** While frozen: newer ones that are kept until it goes on. */
  behind: number;
  more: boolean;
  older: () => Promise<void>;
}

export function useEvents(filter: string, frozen: boolean): Feed {
  const feed = useRef(new Latest());
  const [, show] = useState(0);
  const [frozenAt, setFrozenAt] = useState<Shown[] | null>(null);
  const [state, setState] = useState<LiveState>({ kind: "connecting" });
  useEffect(() => {
    const mine = (feed.current = new Latest());
    setFrozenAt(null);
    show((n) => n + 1);
    const list = async (limit = PAGE) => {
      const asked = performance.now();
      const { events, next } = await api.events(`limit=${limit}&${filter}`);
      mine.list(events, asked, next !== undefined);
    };
    let first = true;
    const stop = follow({
      url: api.eventsLiveUrl(filter),
      rests: true,
      // The list first, and the stream behind its newest: nothing falls between the two. Behind 0 is all that is kept.
      begin: async () => {
        await list();
        return String(mine.events[0]?.cursor ?? 0);
      },
      onMessage: ({ event, data }) => {
        if (event === "record") mine.come(JSON.parse(data) as EventEntry);
        // What was gone before the list was asked for is no loss.
        if (event === "lost" && !first) {
          mine.miss((JSON.parse(data) as { lost: number }).lost);
          // What of it is kept is in the list.
          list(MOST).catch(() => {});
        }
        first = false;
      },
      onState: (next) => {
        setState(next);
        // A stream that is refused while the list is not (too many viewers, a proxy that holds streams back) still shows
        // what happens, as often as it is tried again.
        if (next.kind === "lost") list().catch(() => {});
      },
    });
    const shower = setInterval(() => mine.isNew() && show((n) => n + 1), SHOW_MS);
    const settler = settle(mine, list);
    return () => { stop(); clearInterval(shower); settler(); };
  }, [filter]);
  const own = feed.current;
  useEffect(() => setFrozenAt(frozen ? own.events : null), [frozen, own]);
  const older = async () => {
    const last = own.events[own.events.length - 1];
    if (!last) return;
    const { events, next } = await api.events(`limit=${PAGE}&before=${last.cursor}&${filter}`);
    own.older(events, next !== undefined);
    if (frozenAt) setFrozenAt(own.events.filter(({ cursor }) => cursor <= (frozenAt[0]?.cursor ?? Infinity)));
    show((n) => n + 1);
  };
  const newest = frozenAt?.[0]?.cursor;
  return {
    events: frozenAt ?? own.events, waiting: !own.answered, state, missed: own.missed, more: own.more, older,
    behind: newest === undefined ? 0 : own.events.filter(({ cursor }) => cursor > newest).length,
  };
}

/**
 * Asks for the list as long as something shown is on its way to somebody. The stream tells once that something has happened;
 * what becomes of it afterwards, at each receiver, it does not tell. When all have what they take, nothing is asked any more.
 */
function settle(feed: Latest, list: (limit: number) => Promise<void>): () => void {
  let timer: ReturnType<typeof setTimeout>;
  let over = false;
  let wait = SETTLE_MS;
  const look = async () => {
    const limit = Math.min(feed.unsettled(), MOST_LISTED);
    if (limit > 0 && !document.hidden) {
      const before = feed.whereabouts();
      await list(limit).catch((why) => console.info(told(why)));
      wait = feed.whereabouts() === before ? Math.min(wait * 2, SETTLE_MOST_MS) : SETTLE_MS;
    } else wait = SETTLE_MS;
    if (!over) timer = setTimeout(look, wait);
  };
  timer = setTimeout(look, wait);
  return () => { over = true; clearTimeout(timer); };
}

/** What is kept: the newest first, and no more than can be looked at. */
class Latest {
  events: Shown[] = [];
  answered = false;
  missed = 0;
  more = false;
  private most = MOST;
  private turn = 0;
  private shown = 0;

  isNew(): boolean {
    const is = this.turn !== this.shown;
    this.shown = this.turn;
    return is;
  }

  come(entry: EventEntry) {
    this.put([{ ...entry, since: performance.now() }]);
  }

  /** As the server had them at `asked`. */
  list(entries: EventEntry[], asked: number, more: boolean) {
    if (!this.answered) this.more = more;
    this.answered = true;
    this.turn++;
    const known = new Map(this.events.map((event) => [event.cursor, event.since]));
    this.put(entries.map((entry) => {
      const since = known.get(entry.cursor);
      return since !== undefined && asked - since < LOGGED_MS ? { ...entry, since } : entry;
    }));
  }

  older(entries: EventEntry[], more: boolean) {
    this.most = Math.min(this.most + entries.length, MOST_WITH_OLDER);
    this.more = more && this.events.length + entries.length < MOST_WITH_OLDER;
    this.put(entries);
  }

  miss(lost: number) {
    this.missed += lost;
    this.turn++;
  }

  /** How many of the newest have to be asked for to see the last of those that are on their way. */
  unsettled(): number {
    let count = this.events.length;
    for (; count > 0; count--) {
      const event = this.events[count - 1];
      if (event && isUnderWay(event)) break;
    }
    return count;
  }

  /** What is known of where they are, to be compared. */
  whereabouts(): string {
    return JSON.stringify(this.events.map(({ cursor, since, delivered }) => [cursor, since, delivered]));
  }

  private put(entries: Shown[]) {
    if (entries.length === 0) return;
    const all = new Map(this.events.map((event) => [event.cursor, event]));
    for (const entry of entries) all.set(entry.cursor, entry);
    const sorted = [...all.values()].sort((one, other) => other.cursor - one.cursor);
    this.more ||= sorted.length > this.most;
    this.events = sorted.slice(0, this.most);
    this.turn++;
  }
}

const isUnderWay = ({ since, delivered }: Shown) => since !== undefined || (delivered ?? []).some(({ state }) => state === "waiting");

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { problemsOf, told } from "../api/client";
import type { Problem } from "../api/types";

/** What was asked for: on its way, there, or refused. `again` asks once more; what is there stays meanwhile. */
export interface Asked<T> {
  value: T | null;
  error: string | null;
  /** In ms of `performance.now()`. */
  at: number;
  again: () => Promise<void>;
}

/** Asks when `keys` change, and every `everyMs` if that is given. */
export function useAsked<T>(ask: () => Promise<T>, keys: unknown[], everyMs?: number): Asked<T> {
  const [state, set] = useState<Omit<Asked<T>, "again">>({ value: null, error: null, at: 0 });
  const turn = useRef(0);
  const latest = useRef(ask);
  latest.current = ask;
  const again = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const value = await latest.current();
      if (turn.current === mine) set({ value, error: null, at: performance.now() });
    } catch (error) {
      if (turn.current === mine) set((old) => ({ ...old, error: told(error) }));
    }
  }, []);
  useEffect(() => {
    set({ value: null, error: null, at: 0 });
    void again();
    if (everyMs === undefined) return () => void ++turn.current;
    const timer = setInterval(() => document.hidden || void again(), everyMs);
    return () => {
      clearInterval(timer);
      turn.current++;
    };
  }, keys);
  return { ...state, again };
}

/** Something that is done once, when a button is pressed. */
export interface Doing {
  busy: boolean;
  problems: Problem[];
  /** Resolves to whether it went well. */
  run: (what: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

export function useDoing(): Doing {
  const [busy, setBusy] = useState(false);
  const [problems, setProblems] = useState<Problem[]>([]);
  const run = async (what: () => Promise<unknown>) => {
    setBusy(true);
    setProblems([]);
    try {
      await what();
      return true;
    } catch (error) {
      setProblems(problemsOf(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problems, run, clear: () => setProblems([]) };
}

/** `value` once it has rested for `ms`. */
export function useRested<T>(value: T, ms: number): T {
  const [rested, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return rested;
}

let count = 0;
/** An id for labels; the same over the component's life. */
export function useId(): string {
  const id = useRef("");
  if (!id.current) id.current = `i${++count}`;
  return id.current;
}

/** Keeps a box of lines at its end as lines come, unless somebody has scrolled up to read. */
export function useTail(box: { current: HTMLElement | null }, lines: readonly unknown[] | null) {
  const began = useRef(false);
  useEffect(() => {
    const element = box.current;
    if (!element || !lines) return;
    const away = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (!began.current || away < 120) element.scrollTop = element.scrollHeight;
    began.current = true;
  }, [lines]);
}

/** Renders again so often, for what shows an age. */
export function useTick(everyMs: number) {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}

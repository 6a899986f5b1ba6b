// Areas and lines while they are being drawn: a draft beside what is saved, with undo.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Json, JsonObject } from "../api/types";
import { forget, held, keep, useKept } from "../parts/kept";

export interface Point {
  x: number;
  y: number;
}
export type Kind = "area" | "line";
export interface Shape {
  kind: Kind;
  id: string;
  points: Point[];
  /** Everything of the entry but `id` and `vertices`. */
  options: JsonObject;
}

/** Steps that can be taken back. */
const UNDO = 100;
/** Where each kind stands in an instance file. */
const PLACE: Record<Kind, [string, string]> = { area: ["Zone", "Zones"], line: ["Tripwire", "Tripwires"] };
export const LEAST: Record<Kind, number> = { area: 3, line: 2 };

export interface Shapes {
  all: Shape[];
  chosen: Shape | null;
  /** What is being drawn, with its points so far. */
  drawing: { kind: Kind; points: Point[] } | null;
  dirty: boolean;
  /** It was drawn before a log-out, or before a look at another screen. */
  restored: boolean;
  visible: boolean;
  canUndo: boolean;
  setVisible: (visible: boolean) => void;
  choose: (id: string | null) => void;
  begin: (kind: Kind) => void;
  addPoint: (point: Point) => void;
  finish: () => void;
  cancel: () => void;
  /** Points of one shape become others. `merge`: one step of undo with the change before, as while dragging. */
  setPoints: (id: string, points: Point[], merge?: boolean) => void;
  setOption: (id: string, key: string, value: Json | undefined) => void;
  remove: (id: string) => void;
  undo: () => void;
  discard: () => void;
  /** What is to be saved, as a merge patch. */
  patch: () => JsonObject;
  /** All of it as an instance file has it. */
  document: () => JsonObject;
}

/** `key`: where what is not saved is kept. */
export function useShapes(document: JsonObject | null, key: string): Shapes {
  const saved = useMemo(() => read(document), [document]);
  const [draft, setDraft] = useState<Shape[] | null>(null);
  const [restored, setRestored] = useState(false);
  const [chosenId, choose] = useState<string | null>(null);
  const [drawing, setDrawing] = useKept<Shapes["drawing"]>(`${key}/drawing`, null);
  const [visible, setVisible] = useState(true);
  const history = useRef<Shape[][]>([]);
  const all = draft ?? saved;
  const latest = useRef(all);
  latest.current = all;
  const dirty = draft !== null && !same(draft, saved);
  /** What the draft was drawn over. */
  const base = useRef<Shape[] | null>(null);
  const put = (next: Shape[] | null) => {
    latest.current = next ?? saved;
    setDraft(next);
    if (next && !same(next, saved)) keep(key, patch(saved, next));
    else forget(key);
    if (!next) setRestored(false);
  };
  useEffect(() => {
    if (!document) return;
    const before = base.current;
    base.current = saved;
    // What was saved is what is drawn. What differs goes over what is there now, whoever has changed that meanwhile.
    const changed = before ? draft && patch(before, draft) : held<JsonObject>(key);
    if (!changed) return;
    const next = read(merged(document, changed) as JsonObject);
    if (!before) setRestored(true);
    put(same(next, saved) ? null : next);
  }, [saved]);

  const change = (next: Shape[], merge = false) => {
    if (!merge) history.current = [...history.current.slice(-UNDO), latest.current];
    put(next);
  };
  const change1 = (id: string, with_: (shape: Shape) => Shape, merge = false) =>
    change(latest.current.map((shape) => (shape.id === id ? with_(shape) : shape)), merge);
  const add = (kind: Kind, points: Point[]) => {
    const shape: Shape = { kind, id: uuid(), points, options: first(kind, latest.current) };
    change([...latest.current, shape]);
    setDrawing(null);
    choose(shape.id);
  };
  return {
    all,
    chosen: all.find(({ id }) => id === chosenId) ?? null,
    drawing,
    dirty,
    visible,
    canUndo: history.current.length > 0 || (drawing?.points.length ?? 0) > 0,
    setVisible,
    choose,
    begin: (kind) => { setVisible(true); choose(null); setDrawing({ kind, points: [] }); },
    addPoint: (point) => {
      if (!drawing) return;
      const points = [...drawing.points, inside(point)];
      if (drawing.kind === "line" && points.length === 2) add("line", points);
      else setDrawing({ ...drawing, points });
    },
    finish: () => {
      if (drawing && drawing.points.length >= LEAST[drawing.kind]) add(drawing.kind, drawing.points);
    },
    cancel: () => setDrawing(null),
    setPoints: (id, points, merge) => change1(id, (shape) => ({ ...shape, points: points.map(inside) }), merge),
    setOption: (id, key, value) => change1(id, (shape) => {
      const { [key]: _, ...options } = shape.options;
      return { ...shape, options: value === undefined ? options : { ...options, [key]: value } };
    }),
    remove: (id) => { change(latest.current.filter((shape) => shape.id !== id)); choose(null); },
    undo: () => {
      if (drawing && drawing.points.length > 0) return setDrawing({ ...drawing, points: drawing.points.slice(0, -1) });
      const before = history.current.pop();
      if (before) put(before);
    },
    discard: () => { history.current = []; put(null); setDrawing(null); choose(null); },
    restored: restored && dirty,
    patch: () => patch(saved, all),
    document: () => whole(all),
  };
}

const inside = ({ x, y }: Point): Point => ({ x: round(x), y: round(y) });
const round = (part: number) => Math.round(Math.min(1, Math.max(0, part)) * 1e4) / 1e4;

function uuid(): string {
  // `randomUUID` wants TLS or this machine; the page may be on neither.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 15) | 64;
  bytes[8] = ((bytes[8] ?? 0) & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const COLOURS = [[0.18, 0.75, 0.85, 1], [0.98, 0.75, 0.15, 1], [0.9, 0.3, 0.75, 1], [0.45, 0.8, 0.35, 1], [0.98, 0.5, 0.3, 1], [0.55, 0.55, 0.98, 1]];

/** What a new one is: something that tells of whatever comes in. */
function first(kind: Kind, others: Shape[]): JsonObject {
  const number = others.filter((shape) => shape.kind === kind).length + 1;
  const color = COLOURS[others.length % COLOURS.length] ?? [];
  const common = { color, check_anchor_point: "bottom_center", detect_people: true, detect_vehicles: true, detect_animals: true, detect_unknowns: true };
  return kind === "area"
    ? { name: `Area ${number}`, ...common, trigger_on_enter: true, trigger_on_exit: false, trigger_on_intrusion: true }
    : { name: `Line ${number}`, ...common, direction: "Both", trigger_crossing: true };
}

function read(document: JsonObject | null): Shape[] {
  return (Object.keys(PLACE) as Kind[]).flatMap((kind) => {
    const [outer, inner] = PLACE[kind];
    const map = ((document?.[outer] as JsonObject | undefined)?.[inner] ?? {}) as { [key: string]: JsonObject };
    return Object.entries(map).map(([key, entry]) => {
      const { vertices, id: _, ...options } = entry;
      const points = (Array.isArray(vertices) ? vertices : []) as unknown as Point[];
      return { kind, id: key, points: points.map(({ x, y }) => ({ x, y })), options };
    });
  });
}

function patch(saved: Shape[], now: Shape[]): JsonObject {
  const result: JsonObject = {};
  const put = (kind: Kind, id: string, value: Json) => {
    const [outer, inner] = PLACE[kind];
    const place = (result[outer] ??= { [inner]: {} }) as JsonObject;
    (place[inner] as JsonObject)[id] = value;
  };
  for (const old of saved) if (!now.some(({ id }) => id === old.id)) put(old.kind, old.id, null);
  for (const shape of now) {
    const old = saved.find(({ id }) => id === shape.id);
    if (old && JSON.stringify(old) === JSON.stringify(shape)) continue;
    const gone = Object.fromEntries(Object.keys(old?.options ?? {}).filter((key) => !(key in shape.options)).map((key) => [key, null]));
    put(shape.kind, shape.id, { ...(old ? {} : { id: shape.id }), ...shape.options, ...gone, vertices: shape.points as unknown as Json });
  }
  return result;
}

const same = (one: Shape[], other: Shape[]) => JSON.stringify(one) === JSON.stringify(other);

/** All shapes as an instance file has them. */
function whole(all: Shape[]): JsonObject {
  const result: JsonObject = {};
  for (const kind of Object.keys(PLACE) as Kind[]) {
    const [outer, inner] = PLACE[kind];
    const own = all.filter((shape) => shape.kind === kind);
    result[outer] = { [inner]: Object.fromEntries(own.map(({ id, options, points }) => [id, { id, ...options, vertices: points as unknown as Json }])) };
  }
  return result;
}

/** A merge patch on what it is for (RFC 7396). */
function merged(target: Json | undefined, patch: Json): Json {
  if (!patch || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result: JsonObject = target && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** The colour of a shape for CSS. */
export function colour(shape: Shape): string {
  const given = shape.options.color;
  const [r, g, b] = Array.isArray(given) ? (given as number[]) : shape.kind === "area" ? [1, 0.6, 0] : [0, 0.7, 1];
  return `rgb(${[r, g, b].map((part) => Math.round((part ?? 0) * 255)).join(" ")})`;
}

export const nameOf = (shape: Shape) => (typeof shape.options.name === "string" ? shape.options.name : shape.id.slice(0, 8));

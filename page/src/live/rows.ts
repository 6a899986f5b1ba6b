// Objects of streams and records as rows of a table: what one looks for first stands first.
import type { Json, JsonObject } from "../api/types";
import type { Line } from "./stream";

export interface Row {
  key: string;
  line: Line;
  cells: string[];
}

/** In this order where they are; the rest follows as it comes. */
const FIRST = ["time", "$id", "type", "object_class", "class_label", "label", "area", "line", "zone_name", "tripwire_name", "direction", "confidence", "x", "y", "width", "height", "track_id", "tracking_id"];
/** What every object has and no row needs, or what is too long for one. */
const LEFT_OUT = new Set(["$version", "record_id", "log_id", "instance_id", "instance_name", "frame_time", "frame_width", "frame_height", "system_timestamp", "system_date", "system_datetime", "timestamp", "date", "image", "best_thumbnail", "events", "event_id", "external_id", "best_thumbnail"]);
/** Lists of which each item is a row. */
const LISTS = ["tracks", "detections", "events"];
/** Columns that a table has at most. */
const COLUMNS = 14;

export function rowsOf(lines: Line[], most: number): { columns: string[]; rows: Row[] } {
  const flat: { key: string; line: Line; values: Map<string, string> }[] = [];
  for (const line of lines) {
    if (flat.length >= most) break;
    const list = LISTS.map((name) => line.object[name]).find((value) => Array.isArray(value) && (value.length === 0 || typeof value[0] === "object"));
    const items = Array.isArray(list) ? (list as JsonObject[]) : [line.object];
    items.forEach((item, at) => flat.push({ key: `${line.number}.${at}`, line, values: values(line.object, item) }));
  }
  const there = new Set(flat.flatMap(({ values }) => [...values.keys()]));
  const first = FIRST.filter((column) => there.delete(column));
  const columns = [...first, ...there].slice(0, COLUMNS);
  return { columns, rows: flat.slice(0, most).map(({ key, line, values }) => ({ key, line, cells: columns.map((column) => values.get(column) ?? "") })) };
}

function values(object: JsonObject, item: JsonObject): Map<string, string> {
  const found = new Map<string, string>();
  const date = object.timestamp ?? object.system_date ?? object.system_datetime;
  if (typeof date === "string") found.set("time", timeOf(date));
  if (object.frame_id !== undefined) found.set("frame_id", String(object.frame_id));
  for (const [key, value] of Object.entries(item)) {
    if (LEFT_OUT.has(key) || value === null) continue;
    if (key === "location" && value && typeof value === "object" && !Array.isArray(value)) {
      for (const side of ["x", "y", "width", "height"]) found.set(side, cell(value[side] ?? null));
    } else found.set(key, cell(value));
  }
  return found;
}

/** In the time of who looks, as on every other screen. */
function timeOf(date: string): string {
  const at = new Date(date);
  if (Number.isNaN(at.getTime())) return date.slice(11, 23);
  return `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function cell(value: Json): string {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(3);
  if (value && typeof value === "object" && !Array.isArray(value) && typeof value.name === "string") return value.name;
  if (value && typeof value === "object") return JSON.stringify(value);
  return String(value ?? "");
}

// A custom export option while it is being made.
import type { Export, ExportBody, Format, JsonObject, Schema, SchemaId } from "../../api/types";
import { slug } from "../../parts/text";

export interface Draft {
  name: string;
  /** A stream's name, or "" for records; `null`: not chosen yet. */
  sink: string | null;
  /** Schema ids, if records. */
  ids: string[];
  version: number;
  /** A format's name; `null`: not chosen yet. */
  format: string | null;
  uri: string;
  config: JsonObject;
}

export const EMPTY: Draft = { name: "", sink: null, ids: [], version: 2, format: null, uri: "", config: {} };

/** What is kept of an open dialog. */
export interface HeldDraft {
  draft: Draft;
  ownUri: boolean;
  edit?: Export;
}
/** A new one, and each that is edited, has a draft of its own. */
export const draftKey = (instance: string, edited?: string) => `export/${instance}${edited === undefined ? "" : `/${edited}`}`;

/** What a format calls what is chosen. */
export const fitsOf = (draft: Draft) => (draft.sink === "" ? "records" : draft.sink);

export function fits(format: Format, draft: Draft): boolean {
  const data = fitsOf(draft);
  return data !== null && format.fits.includes(data);
}

/** A format's settings as its form has them: what CSV and its like recommend is what stands there. */
export function settingsOf(format: Format): Schema {
  const { shape, ...others } = format.settings.properties ?? {};
  const tabular = shape?.description?.match(/Absent: `tabular` for ([^,]*?),? `/)?.[1]?.includes(format.title) ?? false;
  if (!shape || !tabular) return format.settings;
  return { ...format.settings, properties: { shape: { ...shape, default: "tabular", description: `${shape.description} Recommended here: tabular.` }, ...others } };
}

export function bodyOf(draft: Draft): ExportBody {
  const config: JsonObject = { ...draft.config };
  if (draft.sink === "") config.schema_events = draft.ids.map((id) => `${id}:${draft.version}`);
  else delete config.schema_events;
  return { uri: draft.uri, sink: draft.sink ?? "", config };
}

export function draftOf(name: string, body: ExportBody, format: string | null, schemas: SchemaId[]): Draft {
  const { schema_events, ...config } = body.config;
  const given = Array.isArray(schema_events) ? schema_events.map(String) : [];
  const versions = given.map((entry) => Number(entry.split(":")[1] ?? 2));
  const known = new Set(schemas.map(({ id }) => id));
  return { name, sink: body.sink, ids: given.map((entry) => entry.split(":")[0] ?? "").filter((id) => known.size === 0 || known.has(id)), version: versions[0] ?? 2, format, uri: body.uri, config };
}

/** The example's address with the export's own name in it. */
export function firstUri(format: Format, name: string, data: string | null): string {
  const { uri } = format.example;
  const own = slug(name);
  const path = /^([a-z0-9+]+:\/\/\/)(.*)$/.exec(uri);
  if (!path || uri.startsWith("gstreamer:")) return uri.replace(/(\/)[^/]*$/, uri.split("/").length > 3 ? `$1${own}` : "$&");
  const [, scheme = "", rest = ""] = path;
  if (rest.includes("{")) return `${scheme}${own}/${rest.split("/").pop()}`;
  const extension = /\.[a-z0-9]+$/.exec(rest)?.[0] ?? "";
  // One JSON object a line is what tools call .jsonl; nobody minds for streams either.
  return `${scheme}${own}${extension === ".json" && data !== null ? ".jsonl" : extension}`;
}

/** Settings that nearly everybody wants, where the format's example has them. */
export function firstConfig(format: Format): JsonObject {
  const example = format.example.config ?? {};
  return Object.fromEntries(["append_only", "minify"].filter((key) => example[key] === true).map((key) => [key, true]));
}

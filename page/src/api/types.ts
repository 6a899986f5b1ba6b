// What the API sends and takes: types made of docs/openapi.json (scripts/page.sh), under the names that the page uses.
import type { components } from "./openapi";

type Schemas = components["schemas"];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One thing that is wrong, at its place: `path` is a JSON pointer into what was sent. */
export type Problem = Schemas["Place"];
/** RFC 9457. */
export type ProblemDetails = Schemas["Problem"];

export type Role = Schemas["Role"];
/** `public`: has to log in. */
export type Session = Omit<Schemas["Session"], "role"> & { role: Role | "public" };
export type User = Schemas["User"];
export type Token = Schemas["Token"];

export type InstanceState = Schemas["InstanceState"];
export type ReceiverState =
  | "running" | "waiting" | "paused" | "disabled" | "blocked" | "overflowing" | "failed" | "finished";
export type Receiver = Omit<Schemas["ReceiverSnapshot"], "state"> & { state: ReceiverState };
export type Instance = Omit<Schemas["Instance"], "exports" | "preprocess"> & { exports: Receiver[]; preprocess?: Receiver };
export type InstanceList = Omit<Schemas["Instances"], "instances"> & { instances: Instance[] };
export type SourceTest = Schemas["Tried"];

export type DataKind = "records" | "objects" | "table" | "pictures";

export type Format = Omit<Schemas["OneFormat"], "settings" | "example"> & {
  example: { uri: string; sink?: string; config?: JsonObject };
  settings: Schema;
};

/** As much of JSON Schema 2020-12 as the forms know. */
export interface Schema {
  type?: string | string[];
  description?: string;
  default?: Json;
  enum?: Json[];
  const?: Json;
  oneOf?: Schema[];
  anyOf?: Schema[];
  properties?: { [name: string]: Schema };
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  format?: string;
  writeOnly?: boolean;
}

export type Stream = Schemas["OneStream"];
export type SchemaId = Schemas["SchemaOfRecords"];
export type Samples = { [group in "streams" | "records"]: { [name: string]: { object: Json; real: boolean } } };

export type Switch = Schemas["SwitchTo"];
export type ExportBody = Omit<Schemas["NewExport"], "config" | "sink"> & { sink: string; config: JsonObject };
export type Export = Omit<Schemas["Export"], "config" | "status"> & { config: JsonObject; status?: Receiver };
/** `path_preview`: with the dynamic strings of the last object. */
export type ExportCheck = Schemas["Drafted"] & { path_preview?: string | null };

export interface TestOutcome {
  /** `failed`: it cannot be reached, or has not answered in time. */
  outcome: "delivered" | "refused" | "failed";
  message?: string;
  sent?: Json;
}

/** `agreed`: by schema id the version that it is sent; `not_agreed`: what it takes in no version that is known here. */
export type EnabledExporter = Omit<Schemas["ExporterSeen"], "status" | "agreed" | "not_agreed"> & {
  status?: Receiver;
  agreed?: { [id: string]: number };
  not_agreed?: string[];
};
export interface OutputLine {
  at_ms: number;
  from: "stdout" | "stderr" | "watchpost";
  text: string;
}
/** What the conformance kit found. */
export interface Conformance {
  passed: boolean;
  rows: { name: string; ok: boolean; detail: string; result?: "pass" | "fail" | "skipped"; took_ms?: number }[];
}
/** One thing that was looked at on the server's machine. */
export interface Finding {
  level: "ok" | "warning" | "error";
  what: string;
  detail: string;
  fix?: string | null;
}
/** What areas and lines would have made of the tracks just seen: by the shape's id, events by theirs. */
export interface AnalyticsTest {
  seconds: number;
  frames: number;
  counts: { [shape: string]: { [event: string]: number } };
  /** Areas for things left or removed: tracks alone say less about these than pictures do. */
  estimated?: string[];
}
export type Setting = Omit<Schemas["SettingSeen"], "value" | "default"> & { value?: Json; default?: Json };
export type Integration = Omit<Schemas["Installed"], "settings" | "instances"> & {
  settings: Setting[];
  instances: { id: string; name: string; status?: Receiver; agreed?: { [id: string]: number }; not_agreed?: string[] }[];
};

export interface Delivery {
  at_ms: number;
  outcome: string;
  count?: number;
  message?: string;
}

export interface PreprocessTest {
  /** They were taken from the instance's log; else they are made up. */
  real: boolean;
  before: Json[];
  after: ({ group: Json } | { refused: string })[];
  /** What it said besides. */
  output: string[];
  /** How it ended, where that was not well. */
  problem?: string;
  took_ms: number;
}

export interface EventEntry {
  /** Higher is later, over all instances. */
  cursor: number;
  instance_id: string;
  instance_name: string;
  record: JsonObject;
  /** A JPEG: base64, or a whole `data:` URL. */
  crop?: string;
  /** The exports and exporters that take it, and what has become of it there. */
  delivered?: { receiver: string; state: "delivered" | "waiting" | "refused"; at_ms?: number | null }[];
}

/** A dead letter: what one receiver has refused for good. */
export interface Letter {
  letter: number;
  reason: string;
  time_ms: number;
  items: { kind: string; json: Json }[];
}

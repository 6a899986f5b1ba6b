// What the API sends and takes, as far as the page uses it (docs/openapi.json has all of it).

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One thing that is wrong, at its place: `path` is a JSON pointer into what was sent. */
export interface Problem {
  path: string;
  message: string;
  fix: string;
}

/** RFC 9457. */
export interface ProblemDetails {
  status: number;
  title: string;
  detail?: string;
  problems?: Problem[];
}

export interface Session {
  user?: string;
  /** `public`: has to log in. */
  role: Role | "public";
  /** Whether there is something to log in to. */
  login: boolean;
}
export type Role = "viewer" | "operator" | "admin";

export type InstanceState = "stopped" | "starting" | "running" | "restarting" | "failed" | "finished";
export type ReceiverState =
  | "running" | "waiting" | "paused" | "disabled" | "blocked" | "overflowing" | "failed" | "finished";

export interface Receiver {
  name: string;
  format: string;
  state: ReceiverState;
  problem?: string;
  retry_in_ms?: number;
  delivered: number;
  bytes: number;
  retried: number;
  refused: number;
  dropped: number;
  limited: number;
  undurable: number;
  outside: number;
  waiting: number;
}

export interface Instance {
  id: string;
  name: string;
  state: InstanceState;
  problem?: string;
  file_problem?: string;
  /** The address, without a password. */
  source?: string;
  auto_start?: boolean;
  frames: number;
  analysed: number;
  skipped: number;
  fps?: number;
  tracks?: number;
  events_last_hour?: number;
  position_ms?: number;
  width?: number;
  height?: number;
  codec?: string;
  exports: Receiver[];
  preprocess?: Receiver;
}

export interface InstanceList {
  instances: Instance[];
  unusable?: { file: string; problem: string }[];
  next?: string;
}

export interface SourceTest {
  /** A data URL. */
  picture?: string;
  width?: number;
  height?: number;
  codec?: string;
  fps?: number;
  duration_s?: number;
  live?: boolean;
  kind?: string;
  took_ms?: number;
}

export type DataKind = "records" | "objects" | "table" | "pictures";

export interface Format {
  name: string;
  title: string;
  summary: string;
  schemes: string[];
  accepts: DataKind[];
  viewers: boolean;
  example: { uri: string; sink?: string; config?: JsonObject };
  settings: Schema;
  /** Sinks that it takes, and `records`. */
  fits: string[];
}

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

export interface Stream {
  name: string;
  title: string;
  summary: string;
  kind: "picture" | "metadata";
  tabular?: boolean;
}

export interface SchemaId {
  id: string;
  title: string;
  summary: string;
  is_event: boolean;
  versions: { version: number; draft: boolean; url: string; sample?: Json }[];
}

export interface Samples {
  streams: { [name: string]: { object: Json; real: boolean } };
  records: { [id: string]: { object: Json; real: boolean } };
}

export type Switch = "on" | "paused" | "off";

export interface ExportBody {
  uri: string;
  sink: string;
  config: JsonObject;
  switch?: Switch;
}
export interface Export extends ExportBody {
  name: string;
  switch: Switch;
  format: string;
  status?: Receiver;
}

export interface ExportCheck {
  format?: string;
  warnings: Problem[];
  /** The file it would write to. */
  file?: string;
  path_preview?: string;
}

export interface TestOutcome {
  outcome: "delivered" | "refused" | "waiting";
  message?: string;
  sent?: Json;
}

export interface EnabledExporter {
  name: string;
  description: string;
  switch: Switch;
  installed: boolean;
  status?: Receiver;
}

export interface Setting {
  name: string;
  type: "text" | "checkbox" | "int_range" | "float_range" | "combobox" | "secret";
  label: string;
  /** Now; of a secret nothing. */
  value?: Json;
  default?: Json;
  /** A secret has a value. */
  is_set?: boolean;
  min?: number;
  max?: number;
  step?: number;
  options?: string[];
}

export interface Integration {
  name: string;
  description: string;
  folder: string;
  problems: Problem[];
  events: { [id: string]: number[] };
  command: string;
  settings: Setting[];
  instances: { id: string; name: string; status?: Receiver }[];
}

export interface Delivery {
  at_ms: number;
  outcome: string;
  message?: string;
  first?: Json;
}

export interface PreprocessTest {
  before: Json[];
  after: ({ ok: Json } | { refused: string; reason: string })[];
  stderr: string;
  took_ms: number;
  real: boolean;
}

export interface EventEntry {
  cursor: string;
  instance_id: string;
  instance_name: string;
  record: JsonObject;
  crop?: string;
  receivers?: { name: string; state?: string; at_ms?: number }[];
}

/** A dead letter: what one receiver has refused for good. */
export interface Letter {
  letter: number;
  reason: string;
  time_ms: number;
  items: { kind: string; json: Json }[];
}

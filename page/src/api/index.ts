// Every question the page asks, by name.
import { get, part, post, put, remove, request } from "./client";
import { upload } from "./upload";
import type {
  AnalyticsTest, Conformance, Delivery, EnabledExporter, EventEntry, Export, ExportBody, ExportCheck, Finding, Format, Instance, InstanceList, Integration,
  Json, JsonObject, Letter, OutputLine, PreprocessTest, Problem, Samples, SchemaId, Session, SourceTest, Stream, Switch, TestOutcome,
} from "./types";

const V1 = "/api/v1";
const of = (id: string) => `${V1}/instances/${part(id)}`;
const exported = (id: string, name: string) => `${of(id)}/exports/${part(name)}`;
const receiver = (id: string, name: string) => `${of(id)}/receivers/${part(name)}`;

/** A test of a source may take 3 s; a file may lie on a slow disk. */
const SLOW_MS = 30_000;
/** The conformance kit pauses, restarts and floods an exporter: a minute, on a busy machine more. */
const CONFORMANCE_MS = 180_000;

export const api = {
  session: () => get<Session>(`${V1}/session`),
  logIn: (user: string, password: string) => post<Session>(`${V1}/session`, { user, password }),
  logOut: () => remove<unknown>(`${V1}/session`),

  instances: () => get<InstanceList>(`${V1}/instances?limit=500`),
  instance: (id: string) => get<Instance>(of(id)),
  addInstance: (document: JsonObject) => post<Instance>(`${V1}/instances`, document),
  deleteInstance: (id: string) => remove<unknown>(of(id)),
  act: (id: string, action: "start" | "stop" | "restart") => post<Instance>(`${of(id)}/${action}`),
  document: (id: string) => request<JsonObject>("GET", `${of(id)}/document`),
  putDocument: (id: string, body: JsonObject, ifMatch: string) =>
    request<JsonObject>("PUT", `${of(id)}/document`, { body, ifMatch }),
  patchDocument: (id: string, body: JsonObject, ifMatch?: string) =>
    request<JsonObject>("PATCH", `${of(id)}/document`, {
      body,
      contentType: "application/merge-patch+json",
      ...(ifMatch ? { ifMatch } : {}),
    }),
  validate: (document: JsonObject) => post<{ errors: Problem[]; warnings: Problem[] }>(`${V1}/validate`, document),
  testSource: (input: JsonObject) => post<SourceTest>(`${V1}/source-test`, input, { timeoutMs: SLOW_MS }),
  upload: (file: File, onProgress: (part: number) => void) => upload(`${V1}/uploads?name=${part(file.name)}`, file, onProgress),
  frameUrl: (id: string, query: string) => `${of(id)}/frame.jpg?${query}`,
  viewUrl: (id: string, query: string) => `${of(id)}/view?${query}`,
  liveUrl: (id: string, query: string) => `${of(id)}/live?${query}`,
  samples: (id: string) => get<Samples>(`${of(id)}/samples`),

  formats: () => get<{ formats: Format[] }>(`${V1}/formats`).then(({ formats }) => formats),
  streams: () => get<{ streams: Stream[] }>(`${V1}/streams`).then(({ streams }) => streams),
  schemas: () => get<{ schemas: SchemaId[] }>(`${V1}/schemas`).then(({ schemas }) => schemas),
  schema: (url: string) => get<JsonObject>(url),
  validateRecord: (record: Json) =>
    post<{ schema?: string; version?: number; violations: { path: string; message: string }[] }>(`${V1}/records/validate`, record),

  exports: (id: string) => get<{ exports: Export[] }>(`${of(id)}/exports`).then(({ exports }) => exports),
  putExport: (id: string, name: string, body: ExportBody) => put<Export>(exported(id, name), body),
  deleteExport: (id: string, name: string) => remove<{ removed?: { name: string; waiting: number }[] }>(exported(id, name)),
  switchExport: (id: string, name: string, to: Switch) => post<unknown>(`${exported(id, name)}/switch`, { to }),
  renameExport: (id: string, name: string, to: string) => post<unknown>(`${exported(id, name)}/rename`, { to }),
  duplicateExport: (id: string, name: string, to: string) => post<unknown>(`${exported(id, name)}/duplicate`, { to }),
  testExport: (id: string, name: string) => post<TestOutcome>(`${exported(id, name)}/test`, undefined, { timeoutMs: SLOW_MS }),
  checkExport: (id: string, name: string, body: ExportBody) =>
    post<ExportCheck>(`${of(id)}/export-check`, { name, export: body }),
  tryExport: (id: string, name: string, body: ExportBody) =>
    post<TestOutcome>(`${of(id)}/export-test`, { name, export: body }, { timeoutMs: SLOW_MS }),

  exportersOf: (id: string) => get<{ exporters: EnabledExporter[] }>(`${of(id)}/exporters`).then(({ exporters }) => exporters),
  switchExporter: (id: string, name: string, to: Switch) => post<unknown>(`${of(id)}/exporters/${part(name)}/switch`, { to }),
  restartExporter: (id: string, name: string) => post<EnabledExporter>(`${of(id)}/exporters/${part(name)}/restart`, undefined, { timeoutMs: SLOW_MS }),
  exporterOutput: (id: string, name: string) => get<{ lines: OutputLine[] }>(`${of(id)}/exporters/${part(name)}/output`).then(({ lines }) => lines),
  testExporter: (name: string) => post<Conformance>(`${V1}/exporters/${part(name)}/test`, undefined, { timeoutMs: CONFORMANCE_MS }),
  integrations: () => get<{ exporters: Integration[] }>(`${V1}/exporters`).then(({ exporters }) => exporters),
  saveSettings: (name: string, values: JsonObject) => put<unknown>(`${V1}/exporters/${part(name)}/settings`, values),

  deliveries: (id: string, name: string) => get<{ deliveries: Delivery[] }>(`${receiver(id, name)}/deliveries`).then(
    ({ deliveries }) => deliveries),
  dead: (id: string, name: string) => get<{ letters: Letter[]; next?: number }>(`${receiver(id, name)}/dead?limit=100`),
  resend: (id: string, name: string, letters: number[]) => post<{ count: number }>(`${receiver(id, name)}/dead/resend`, { letters }),
  drop: (id: string, name: string, letters: number[]) => post<{ count: number }>(`${receiver(id, name)}/dead/drop`, { letters }),
  replay: (id: string, name: string, from?: number) =>
    post<{ count: number }>(`${of(id)}/replay`, { receiver: name, ...(from === undefined ? {} : { from }) }),
  testAnalytics: (id: string, shapes: JsonObject) => post<AnalyticsTest>(`${of(id)}/analytics-test`, shapes),
  testPreprocess: (id: string, command: string, version: number) =>
    post<PreprocessTest>(`${of(id)}/preprocess-test`, { command, version }, { timeoutMs: SLOW_MS }),

  events: (query: string) => get<{ events: EventEntry[]; next?: number }>(`${V1}/events?${query}`),
  eventsLiveUrl: (query: string) => `${V1}/events/live?${query}`,
  doctor: () => request<{ findings: Finding[] }>("GET", `${V1}/system/doctor`, { timeoutMs: SLOW_MS }).then(({ value }) => value.findings),
  system: () => get<JsonObject>(`${V1}/system`),
  log: (query: string) => get<{ lines: JsonObject[]; next?: number }>(`${V1}/system/log?${query}`),
  audit: () => get<{ entries: JsonObject[] }>(`${V1}/system/audit?limit=100`),
  users: () => get<{ users: { name: string; role: string }[] }>(`${V1}/users`).then(({ users }) => users),
  putUser: (name: string, role: string, password?: string) =>
    put<unknown>(`${V1}/users/${part(name)}`, { role, ...(password ? { password } : {}) }),
  deleteUser: (name: string) => remove<unknown>(`${V1}/users/${part(name)}`),
  tokens: () => get<{ tokens: { id: string; name: string; role: string; created: string }[] }>(`${V1}/tokens`).then(({ tokens }) => tokens),
  addToken: (name: string, role: string) => post<{ id: string; token: string }>(`${V1}/tokens`, { name, role }),
  deleteToken: (id: string) => remove<unknown>(`${V1}/tokens/${part(id)}`),
};

// What a form needs to know of a JSON Schema, whatever way it was written.
import type { Json, Schema } from "../api/types";

export type Shape =
  | { kind: "boolean" }
  | { kind: "number"; integer: boolean; min?: number | undefined; max?: number | undefined }
  | { kind: "text"; secret: boolean }
  | { kind: "choice"; choices: { value: Json; help?: string | undefined }[] }
  | { kind: "list"; items: Schema }
  | { kind: "object"; properties: [string, Schema][]; required: string[] }
  | { kind: "either"; of: Schema[] }
  | { kind: "json" };

/** The same without `null`, which stands for "absent" and needs no control. */
function withoutNull(schema: Schema): Schema {
  const options = schema.anyOf ?? (schema.oneOf?.some((one) => one.const === undefined) ? schema.oneOf : undefined);
  const left = options?.filter((one) => one.type !== "null");
  if (left && left.length === 1 && left[0]) return { ...withoutNull(left[0]), ...(schema.description ? { description: schema.description } : {}) };
  if (left) return { ...schema, anyOf: left };
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== "null");
    if (types.length === 1 && types[0]) return { ...schema, type: types[0] };
    return { ...schema, anyOf: types.map((type) => ({ ...schema, type })) };
  }
  return schema;
}

export function shapeOf(given: Schema, name = ""): Shape {
  const schema = withoutNull(given);
  const consts = schema.oneOf?.filter((one) => one.const !== undefined || one.enum !== undefined);
  if (consts && consts.length === schema.oneOf?.length) {
    return { kind: "choice", choices: consts.flatMap((one) => (one.enum ?? [one.const ?? null]).map((value) => ({ value, help: one.description }))) };
  }
  if (schema.enum) return { kind: "choice", choices: schema.enum.filter((value) => value !== null).map((value) => ({ value })) };
  if (schema.const !== undefined) return { kind: "choice", choices: [{ value: schema.const }] };
  if (schema.anyOf) return { kind: "either", of: schema.anyOf };
  switch (schema.type) {
    case "boolean": return { kind: "boolean" };
    case "integer":
    case "number": {
      const min = schema.minimum ?? schema.exclusiveMinimum;
      return { kind: "number", integer: schema.type === "integer", min, max: schema.maximum };
    }
    case "string": return { kind: "text", secret: schema.writeOnly === true || schema.format === "password" || /password|secret|token/.test(name) };
    case "array": return { kind: "list", items: schema.items ?? {} };
    case "object": return schema.properties ? { kind: "object", properties: Object.entries(schema.properties), required: schema.required ?? [] } : { kind: "json" };
    default: return schema.properties ? { kind: "object", properties: Object.entries(schema.properties), required: schema.required ?? [] } : { kind: "json" };
  }
}

/** `keep_alive_s` → "Keep alive (s)". Units stand last in names. */
export function labelOf(name: string): string {
  const units: Record<string, string> = { s: "s", ms: "ms", kbps: "kbit/s", bytes: "bytes", days: "days" };
  const words = name.split("_");
  const last = words[words.length - 1] ?? "";
  const unit = words.length > 1 ? units[last] : undefined;
  if (unit) words.pop();
  const own: Record<string, string> = { qos: "QoS", fps: "FPS", id: "ID", url: "URL", uri: "URI", tls: "TLS", hls: "HLS" };
  const text = words.map((word) => own[word] ?? word).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1) + (unit ? ` (${unit})` : "");
}

/** Which of several schemas a value is of. */
export function fitting(of: Schema[], value: Json | undefined): number {
  const found = of.findIndex((schema) => fits(schema, value));
  return found < 0 ? 0 : found;
}

function fits(schema: Schema, value: Json | undefined): boolean {
  const shape = shapeOf(schema);
  switch (shape.kind) {
    case "boolean": return typeof value === "boolean";
    case "number": return typeof value === "number";
    case "text": return typeof value === "string";
    case "choice": return shape.choices.some((choice) => choice.value === value);
    case "list": return Array.isArray(value);
    case "object": return !!value && typeof value === "object" && !Array.isArray(value);
    default: return false;
  }
}

/** What stands for one of several schemas in a list of choices. */
export function nameOfShape(schema: Schema): string {
  const shape = shapeOf(schema);
  switch (shape.kind) {
    case "choice": return shape.choices.map(({ value }) => String(value)).join(" or ");
    case "object": return shape.properties.map(([name]) => labelOf(name).toLowerCase()).join(", ");
    case "list": return "list";
    case "text": return "text";
    case "number": return "number";
    case "boolean": return "yes or no";
    default: return "other";
  }
}

/** Where a value of a schema begins. */
export function begin(schema: Schema): Json {
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  const shape = shapeOf(schema);
  switch (shape.kind) {
    case "boolean": return true;
    case "number": return Math.max(shape.min ?? 1, 1);
    case "choice": return shape.choices[0]?.value ?? null;
    case "list": return [];
    case "object": return Object.fromEntries(shape.properties.filter(([name]) => shape.required.includes(name)).map(([name, inner]) => [name, begin(inner)]));
    case "either": return shape.of[0] ? begin(shape.of[0]) : null;
    default: return "";
  }
}

// Forms made of JSON Schemas: a new setting of a format appears by itself, with its help, default and limits.
import { said } from "../api/client";
import type { Json, JsonObject, Problem, Schema } from "../api/types";
import { Button } from "../parts/basic";
import { useId } from "../parts/hooks";
import { Check, Field, Select, Text } from "./field";
import { begin, fitting, labelOf, nameOfShape, shapeOf } from "./schema";

interface Props {
  name: string;
  schema: Schema;
  value: Json | undefined;
  /** `undefined` takes it out: the default holds. */
  onChange: (value: Json | undefined) => void;
  /** JSON pointer of the value in what is sent, for problems. */
  path: string;
  problems: Problem[];
  label?: string;
}

/** All properties of an object as fields. `leave`: names that are asked for elsewhere. */
export function SchemaForm({ schema, value, onChange, path, problems, leave = [], only }: {
  schema: Schema; value: JsonObject; onChange: (value: JsonObject) => void; path: string; problems: Problem[]; leave?: string[]; only?: (name: string) => boolean;
}) {
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => !leave.includes(name) && (only?.(name) ?? true));
  const set = (name: string, next: Json | undefined) => {
    const { [name]: _, ...rest } = value;
    onChange(next === undefined ? rest : { ...rest, [name]: next });
  };
  return (
    <div class="fields">
      {properties.map(([name, inner]) => (
        <SchemaField key={name} name={name} schema={inner} value={value[name]} onChange={(next) => set(name, next)} path={`${path}/${name}`} problems={problems} />
      ))}
    </div>
  );
}

function at(problems: Problem[], path: string): string | undefined {
  return said(problems.find((problem) => problem.path === path));
}

function SchemaField(props: Props) {
  const { name, schema, value, onChange, path, problems } = props;
  const label = props.label ?? labelOf(name);
  const shape = shapeOf(schema, name);
  const wrong = at(problems, path);
  const help = helpOf(schema);
  const otherwise = schema.default ?? undefined;
  switch (shape.kind) {
    case "boolean":
      if (otherwise === undefined) {
        // Absent means something of its own here.
        return <Select label={label} help={help} wrong={wrong} value={value === undefined ? "" : String(value)} options={[["", "Automatic"], ["true", "Yes"], ["false", "No"]]}
          onChange={(next) => onChange(next === "" ? undefined : next === "true")} />;
      }
      return <Check label={label} help={help} wrong={wrong} checked={(value ?? otherwise) === true} onChange={(next) => onChange(next === otherwise ? undefined : next)} />;
    case "number":
      return <Text label={label} help={help} wrong={wrong ?? outside(value, shape)} type="number" step={shape.integer ? 1 : "any"} min={shape.min} max={shape.max}
        value={typeof value === "number" ? String(value) : ""} placeholder={otherwise === undefined ? "" : String(otherwise)} onChange={(next) => onChange(next === "" ? undefined : Number(next))} />;
    case "text":
      return <Text label={label} help={help} wrong={wrong} type={shape.secret ? "password" : "text"} autocomplete="off" spellcheck={false}
        value={typeof value === "string" ? value : ""} placeholder={otherwise === undefined ? "" : String(otherwise)} onChange={(next) => onChange(next === "" ? undefined : next)} />;
    case "choice": {
      const chosen = shape.choices.find((choice) => choice.value === (value ?? otherwise));
      const options: [string, string][] = shape.choices.map((choice) => [JSON.stringify(choice.value), String(choice.value)]);
      if (otherwise === undefined) options.unshift(["", "Not set"]);
      return <Select label={label} help={<>{help}{chosen?.help && <> <b>{String(chosen.value)}</b>: {chosen.help}</>}</>} wrong={wrong} value={value === undefined ? (otherwise === undefined ? "" : JSON.stringify(otherwise)) : JSON.stringify(value)}
        options={options} onChange={(next) => onChange(next === "" || next === JSON.stringify(otherwise) ? undefined : (JSON.parse(next) as Json))} />;
    }
    case "object": return <ObjectField {...props} label={label} />;
    case "list": return <ListField {...props} label={label} />;
    case "either": return <EitherField {...props} label={label} of={shape.of} />;
    default: return <JsonField {...props} label={label} wrong={wrong} help={help} />;
  }
}

function helpOf(schema: Schema): string | undefined {
  const text = schema.description?.replace(/\s+/g, " ").replace(/`/g, "").replace(/\[([^\]]+)\]\([^)]+\)/g, "$1");
  const otherwise = schema.default;
  if (otherwise === undefined || otherwise === null || otherwise === "" || typeof otherwise === "boolean" || typeof otherwise === "object") return text;
  return `${text ?? ""} Default: ${otherwise}.`.trim();
}

function outside(value: Json | undefined, { min, max }: { min?: number | undefined; max?: number | undefined }): string | undefined {
  if (typeof value !== "number") return undefined;
  if (min !== undefined && value < min) return `At least ${min} is expected`;
  if (max !== undefined && value > max) return `At most ${max} is expected`;
  return undefined;
}

/** An object that may be absent: a switch, and its properties while it is on. */
function ObjectField({ name, schema, value, onChange, path, problems, label }: Props) {
  const there = !!value && typeof value === "object" && !Array.isArray(value);
  const shape = shapeOf(schema, name);
  if (shape.kind !== "object") return null;
  const inner: Schema = { properties: Object.fromEntries(shape.properties) };
  return (
    <fieldset class="group wide">
      <legend>{label}</legend>
      <Check label={`Set ${(label ?? name).toLowerCase()}`} help={helpOf(schema)} wrong={at(problems, path)} checked={there} onChange={(on) => onChange(on ? begin({ ...schema, default: null }) : undefined)} />
      {there && <SchemaForm schema={inner} value={value as JsonObject} onChange={onChange} path={path} problems={problems} />}
    </fieldset>
  );
}

function ListField({ name, schema, value, onChange, path, problems, label }: Props) {
  const shape = shapeOf(schema, name);
  if (shape.kind !== "list") return null;
  const items = Array.isArray(value) ? value : [];
  const inner = shapeOf(shape.items);
  const set = (next: Json[]) => onChange(next.length === 0 ? undefined : next);
  if (inner.kind === "choice") {
    return (
      <fieldset class="wide"><legend>{label}</legend>
        <div class="line">
          {inner.choices.map((choice) => (
            <Check key={String(choice.value)} label={String(choice.value)} checked={items.includes(choice.value)} onChange={(on) => set(on ? [...items, choice.value] : items.filter((one) => one !== choice.value))} />
          ))}
        </div>
        <span class="help soft small">{helpOf(schema)}</span>
      </fieldset>
    );
  }
  if (inner.kind === "text") {
    return <Text label={label ?? name} help={<>{helpOf(schema)} Several: with commas.</>} wrong={at(problems, path) ?? at(problems, `${path}/0`)} value={items.join(", ")}
      onChange={(next) => set(next.split(",").map((item) => item.trimStart()).filter((item, n, all) => item !== "" || n < all.length - 1))} />;
  }
  return (
    <fieldset class="group wide"><legend>{label}</legend>
      <span class="soft small">{helpOf(schema)}</span>
      {items.map((item, n) => (
        <div key={n} class="stack" style={{ paddingBottom: "8px" }}>
          <SchemaField name={String(n)} label={`${label ?? name} ${n + 1}`} schema={shape.items} value={item} path={`${path}/${n}`} problems={problems}
            onChange={(next) => set(next === undefined ? items.filter((_, other) => other !== n) : items.map((one, other) => (other === n ? next : one)))} />
        </div>
      ))}
      <Button onClick={() => set([...items, begin(shape.items)])}>+ {label}</Button>
    </fieldset>
  );
}

/** One of several kinds of value: `"source"` or a number. */
function EitherField({ name, schema, value, onChange, path, problems, label, of }: Props & { of: Schema[] }) {
  const id = useId();
  const given = value ?? schema.default ?? undefined;
  const chosen = given === undefined ? -1 : fitting(of, given);
  const inner = of[chosen];
  const needsMore = inner !== undefined && !(shapeOf(inner).kind === "choice" && (inner.const !== undefined || inner.enum?.length === 1 || inner.oneOf?.length === 1));
  return (
    <div class={needsMore && ["object", "list"].includes(shapeOf(inner).kind) ? "field wide" : "field"}>
      <label for={id}>{label}</label>
      <select id={id} value={String(chosen)} onChange={(event) => {
        const next = of[Number(event.currentTarget.value)];
        onChange(next ? begin(next) : undefined);
      }}>
        {schema.default === undefined || schema.default === null ? <option value="-1">Not set</option> : null}
        {of.map((one, n) => <option key={n} value={String(n)}>{nameOfShape(one)}</option>)}
      </select>
      {at(problems, path) && <span class="wrong">{at(problems, path)}</span>}
      <span class="help">{helpOf({ ...schema, default: null })}</span>
      {needsMore && inner && <SchemaField name={name} label={nameOfShape(inner)} schema={{ ...inner, default: null }} value={given} onChange={onChange} path={path} problems={problems} />}
    </div>
  );
}

/** What no control is made for. */
function JsonField({ value, onChange, label, wrong, help }: Props & { wrong: string | undefined; help: string | undefined }) {
  return (
    <Field label={label ?? ""} help={<>{help} As JSON.</>} wrong={wrong} wide>
      {(id, described) => <textarea id={id} rows={3} spellcheck={false} value={value === undefined ? "" : JSON.stringify(value)} {...(described as object)}
        onChange={(event) => {
          const text = event.currentTarget.value;
          try { onChange(text.trim() === "" ? undefined : (JSON.parse(text) as Json)); } catch { onChange(text); }
        }} />}
    </Field>
  );
}

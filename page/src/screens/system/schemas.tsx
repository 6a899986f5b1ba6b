// Schemas: ids and versions, fields, JSON, a check of a pasted record.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ApiError, told } from "../../api/client";
import type { Json, JsonObject, Schema, SchemaId } from "../../api/types";
import { Button, Copy, Failure, JsonText, Loading, pretty, Problems } from "../../parts/basic";
import { useAsked, useDoing } from "../../parts/hooks";
import { walk } from "../../parts/walk";
import { go, route, to } from "../../route";
import { shortened } from "../../live/data";
import { schemas } from "../../state";

export function SchemasScreen() {
  const asked = useAsked(() => schemas(), []);
  const [, id, wanted] = route.value;
  const chosen = asked.value?.find((one) => one.id === id);
  return (
    <>
      <h1>Schemas</h1>
      <p class="soft">One schema describes one record. Version 1 is the reference system's record; version 2 adds names, frame size, sequence, and types that are types.</p>
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      {!asked.value && !asked.error && <Loading what="schemas" />}
      <div class={chosen ? "setup chosen" : "setup"}>
        <div class="stack">
          {asked.value && (
            <div class="scroll"><table onKeyDown={walk}>
              <thead><tr><th scope="col">Id</th><th scope="col">Versions</th></tr></thead>
              <tbody>
                {asked.value.map((one) => (
                  <tr key={one.id}><td><a href={to("schemas", one.id)} aria-current={one.id === id ? "true" : undefined}>{one.id}</a><div class="soft small">{one.summary || one.title}</div></td>
                    <td>{one.versions.map(({ version, draft }) => <a key={version} class="line" href={to("schemas", one.id, String(version))}>{version}{draft && " draft"}</a>)}</td></tr>
                ))}
              </tbody>
            </table></div>
          )}
        </div>
        <div class="stack">
          <CheckRecord />
          {chosen ? <Shown key={chosen.id} schema={chosen} version={Number(wanted ?? Math.max(...chosen.versions.map(({ version }) => version)))} /> : <p class="soft">Choose an id to see its fields.</p>}
        </div>
      </div>
    </>
  );
}

function Shown({ schema, version }: { schema: SchemaId; version: number }) {
  const chosen = schema.versions.find((one) => one.version === version);
  const url = chosen?.url ?? `/schema/${schema.id}-v${version}.json`;
  const asked = useAsked(() => api.schema(url), [url]);
  const value = asked.value as (Schema & JsonObject) | null;
  return (
    <section class="card" aria-label={`${schema.id} version ${version}`}>
      <div class="spread">
        <h2>{schema.id}</h2>
        <div class="line">
          {schema.versions.map((one) => <Button key={one.version} aria-pressed={one.version === version} onClick={() => go("schemas", schema.id, String(one.version))}>Version {one.version}</Button>)}
        </div>
      </div>
      <p>{schema.summary || schema.title}</p>
      <Failure error={asked.error} />
      {value && (
        <>
          <div class="scroll"><table class="wordy">
            <thead><tr><th scope="col">Key</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
            <tbody>{fields(value as Schema, value).map(({ path, type, required, text }) => <tr key={path}><td><code>{path}</code>{!required && <span class="soft"> ?</span>}</td><td>{type}</td><td>{text.replaceAll("`", "")}</td></tr>)}</tbody>
          </table></div>
          {chosen?.sample !== undefined && <details open><summary>Sample</summary><JsonText value={shortened(chosen.sample)} /></details>}
          <details><summary>JSON Schema</summary><div class="stack"><div class="line"><Copy text={() => pretty(value)} /><a href={url}>{url.replace(/^.*\//, "")}</a></div><JsonText value={value} /></div></details>
        </>
      )}
    </section>
  );
}

interface Row { path: string; type: string; required: boolean; text: string }

function fields(schema: Schema, root: JsonObject, before = "", depth = 0): Row[] {
  const of = resolve(schema, root);
  return Object.entries(of.properties ?? {}).flatMap(([name, given]) => {
    const inner = resolve(given, root);
    const path = before + name;
    const row = { path, type: typeOf(inner), required: of.required?.includes(name) ?? false, text: given.description ?? inner.description ?? "" };
    const items = inner.items ? resolve(inner.items, root) : null;
    const more = depth > 2 ? [] : inner.properties ? fields(inner, root, `${path}.`, depth + 1) : items?.properties ? fields(items, root, `${path}[].`, depth + 1) : [];
    return [row, ...more];
  });
}

function resolve(schema: Schema & { $ref?: string }, root: JsonObject): Schema {
  if (!schema.$ref?.startsWith("#/")) return schema;
  let place: Json | undefined = root;
  for (const key of schema.$ref.slice(2).split("/")) place = (place as JsonObject | undefined)?.[key];
  return { ...((place ?? {}) as Schema), ...(schema.description ? { description: schema.description } : {}) };
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type ?? "";
  return schema.format ? `${type} (${schema.format})` : type;
}

function CheckRecord() {
  const [text, setText] = useState("");
  const [result, setResult] = useState<string | null>(null);
  const doing = useDoing();
  useEffect(() => setResult(null), [text]);
  const check = () => doing.run(async () => {
    let record: Json;
    try { record = JSON.parse(text) as Json; } catch (error) { throw new Error(`This is no JSON: ${told(error)}`); }
    const { schema, version, violations } = await api.validateRecord(record);
    setResult(violations.length === 0 ? `It is a valid ${schema ?? "record"}${version ? `, version ${version}` : ""}.` : null);
    if (violations.length > 0) throw new ApiError(422, "It is not valid", violations.map(({ path, message }) => ({ path: path || "/", message, fix: "" })));
  });
  return (
    <details class="card"><summary>Check a record</summary>
      <div class="stack">
        <div class="field"><label for="record">Record (JSON)</label><textarea id="record" rows={6} value={text} spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} /></div>
        <div><Button busy={doing.busy} disabled={!text.trim()} onClick={() => void check()}>Check</Button></div>
        {result && <p class="note" role="status">{result}</p>}
        <Problems problems={doing.problems} onDismiss={doing.clear} />
      </div>
    </details>
  );
}

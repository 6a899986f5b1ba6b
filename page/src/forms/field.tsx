// Fields with a label, help, and what is wrong.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useId } from "../parts/hooks";
import { Words } from "../parts/basic";

interface Told {
  label: string;
  help?: ComponentChildren;
  wrong?: string | undefined;
  warned?: string | undefined;
  wide?: boolean;
}

/** Label, control, help and error, tied together for screen readers. */
export function Field({ label, help, wrong, warned, wide, children }: Told & { children: (id: string, described: JSX.HTMLAttributes<HTMLElement>) => ComponentChildren }) {
  const id = useId();
  const described = {
    "aria-describedby": [help && `${id}h`, wrong && `${id}w`].filter(Boolean).join(" ") || undefined,
    "aria-invalid": wrong ? ("true" as const) : undefined,
  };
  return (
    <div class={wide ? "field wide" : "field"}>
      <label for={id}>{label}</label>
      {children(id, described as JSX.HTMLAttributes<HTMLElement>)}
      {wrong && <span class="wrong" id={`${id}w`}><Words>{wrong}</Words></span>}
      {warned && !wrong && <span class="warned">{warned}</span>}
      {help && <span class="help" id={`${id}h`}>{help}</span>}
    </div>
  );
}

type TextProps = Told & {
  value: string;
  onChange: (value: string) => void;
  focus?: boolean;
  placeholder?: string | undefined;
  spellcheck?: boolean;
  type?: "text" | "password" | "number" | "search";
  disabled?: boolean;
  min?: number | undefined;
  max?: number | undefined;
  step?: number | string | undefined;
  autocomplete?: string;
  list?: string[];
  /** Buttons that do something with what is typed; on one line with it, whatever stands below. */
  beside?: ComponentChildren;
};

export function Text({ label, help, wrong, warned, wide, value, onChange, focus, type = "text", list, beside, ...rest }: TextProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) input.current?.focus();
  }, []);
  return (
    <Field label={label} help={help} wrong={wrong} warned={warned} wide={wide ?? false}>
      {(id, described) => (
        <>
          <div class={beside ? "beside" : ""}>
            <input ref={input} id={id} type={type} value={value} onInput={(event) => onChange(event.currentTarget.value)}
              list={list ? `${id}l` : undefined} {...(rest as object)} {...(described as object)} />
            {beside}
          </div>
          {list && <datalist id={`${id}l`}>{list.map((item) => <option key={item} value={item} />)}</datalist>}
        </>
      )}
    </Field>
  );
}

export function Select({ label, help, wrong, warned, wide, value, options, onChange, disabled }: Told & { value: string; options: [string, string][]; onChange: (value: string) => void; disabled?: boolean }) {
  return (
    <Field label={label} help={help} wrong={wrong} warned={warned} wide={wide ?? false}>
      {(id, described) => (
        <select id={id} value={value} disabled={disabled ?? false} onChange={(event) => onChange(event.currentTarget.value)} {...(described as object)}>
          {options.map(([name, text]) => <option key={name} value={name}>{text}</option>)}
        </select>
      )}
    </Field>
  );
}

export function Check({ label, help, wrong, checked, onChange, disabled }: Told & { checked: boolean; onChange: (value: boolean) => void; disabled?: boolean }) {
  const id = useId();
  return (
    <div class="check field-check">
      <input type="checkbox" id={id} checked={checked} disabled={disabled ?? false} aria-describedby={[help && `${id}h`, wrong && `${id}w`].filter(Boolean).join(" ") || undefined} aria-invalid={wrong ? "true" : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)} />
      <label for={id}>{label}</label>
      {help && <span class="help" id={`${id}h`}>{help}</span>}
      {wrong && <span class="wrong" id={`${id}w`}><Words>{wrong}</Words></span>}
    </div>
  );
}

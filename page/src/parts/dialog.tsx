// Dialogs, menus and tabs: what has to hold focus right.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button, Icon, Unsaved } from "./basic";
import { useId } from "./hooks";

/** Over everything; focus stays in it and goes back where it was. Esc closes. */
export function Dialog(
  { title, onClose, children, foot, wide }:
  { title: string; onClose: () => void; children: ComponentChildren; foot?: ComponentChildren; wide?: boolean },
) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Who had focus before anything in here asked for it.
  const before = useRef(document.activeElement);
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => {
      // While it is open, nothing outside of it takes focus.
      element?.close();
      const back = before.current;
      if (back instanceof HTMLElement && back.isConnected) back.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} class={wide ? "wide" : ""} aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <div class="head">
        <h2 id={id}>{title}</h2>
        <Icon sign="close" label="Close" onClick={onClose} />
      </div>
      <div class="body">{children}</div>
      {foot && <div class="foot">{foot}</div>}
    </dialog>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm(
  { title, action, onDo, onClose, children }:
  { title: string; action: string; onDo: () => Promise<boolean>; onClose: () => void; children: ComponentChildren },
) {
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    if (await onDo()) onClose();
    else setBusy(false);
  };
  const foot = (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button class="danger" busy={busy} onClick={() => void act()}>{action}</Button>
    </>
  );
  return <Dialog title={title} onClose={onClose} foot={foot}>{children}</Dialog>;
}

export interface MenuItem {
  label: string;
  onDo: () => void;
  disabled?: boolean;
}

/** Arrows walk it, Esc closes it, focus goes back to its button. */
export function Menu({ label, sign = "more", items }: { label: string; sign?: string; items: MenuItem[] }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const list = box.current?.querySelector("ul");
    if (!open || !list) return;
    // Where there is no room below, and some above.
    const { top, bottom, height } = list.getBoundingClientRect();
    list.classList.toggle("up", bottom > innerHeight && top > height + 48);
  }, [open]);
  useEffect(() => {
    if (!open) return;
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    const all = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]:not(:disabled)") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const target = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") {
      event.stopPropagation();
      event.preventDefault();
      close();
    } else if (event.key === "Tab") setOpen(false);
    else if (target !== undefined && open) {
      event.preventDefault();
      all[target % all.length]?.focus();
    }
  };
  return (
    <div class="menu" ref={box} onKeyDown={keys}>
      <Icon sign={sign} label={label} aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)} />
      {open && (
        <ul role="menu" aria-label={label}>
          {items.map((item) => (
            <li role="none" key={item.label}>
              <button type="button" role="menuitem" tabIndex={-1} disabled={item.disabled}
                onClick={() => { close(); item.onDo(); }}>{item.label}</button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** One panel of several. Arrows change it, as the pattern for tabs asks. `marked`: those in which something is not saved. */
export function Tabs({ label, tabs, chosen, marked = [], onChoose }: { label: string; tabs: [string, string][]; chosen: string; marked?: string[]; onChoose: (name: string) => void }) {
  const bar = useRef<HTMLDivElement>(null);
  const keys = (event: KeyboardEvent) => {
    const at = tabs.findIndex(([name]) => name === chosen);
    const target = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
    const tab = target === undefined ? undefined : tabs[target % tabs.length];
    if (!tab) return;
    event.preventDefault();
    onChoose(tab[0]);
    bar.current?.querySelector<HTMLElement>(`[data-tab="${tab[0]}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} ref={bar} onKeyDown={keys}>
      {tabs.map(([name, text]) => (
        <button type="button" role="tab" key={name} data-tab={name} id={`tab-${name}`} aria-controls="tabpanel"
          aria-selected={name === chosen} tabIndex={name === chosen ? 0 : -1} onClick={() => onChoose(name)}>{text}{marked.includes(name) && <Unsaved />}</button>
      ))}
    </div>
  );
}

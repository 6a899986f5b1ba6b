// The small things that every screen is made of.
import { Fragment, type ComponentChildren, type JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { InstanceState, Problem, ReceiverState } from "../api/types";
import { announce } from "./announce";
import { Drawing } from "./icons";
import { useTick } from "./hooks";
import { isCut } from "./kept";
import { span } from "./text";

const LOOKS: Record<InstanceState | ReceiverState, string> = {
  running: "good", finished: "", stopped: "", starting: "", paused: "", disabled: "",
  restarting: "warn", waiting: "warn", overflowing: "warn", blocked: "bad", failed: "bad",
};

/** What a state means for who sees it the first time. */
const MEANS: Partial<Record<InstanceState | ReceiverState, string>> = {
  waiting: "Tries again by itself; what comes meanwhile is kept for it",
  paused: "What comes is kept for it until it goes on",
  disabled: "Switched off: what comes is not kept for it",
  blocked: "The disk is full or may not be written to; it goes on by itself once that is mended",
  overflowing: "Too far behind: the oldest of what waits for it is lost, and counted",
  failed: "Needs a change; what to change stands beside it",
  finished: "The file has ended, and all of it is done",
  restarting: "The source has gone away; it is opened again and again",
};

export function State({ state, children }: { state: InstanceState | ReceiverState; children?: ComponentChildren }) {
  return <span class={`state ${LOOKS[state] ?? ""}`} title={MEANS[state]}>{children ?? state}</span>;
}

export function Button(
  { busy, busyText = "Working…", class: look = "", children, ...rest }:
  JSX.HTMLAttributes<HTMLButtonElement> & { busy?: boolean; busyText?: string; disabled?: boolean; type?: "button" | "submit"; class?: string },
) {
  return (
    <button type="button" {...rest} class={look} aria-busy={busy || undefined} disabled={rest.disabled || busy}>
      {busy ? busyText : children}
    </button>
  );
}

/** A button that shows a sign and says words. */
export function Icon({ sign, label, busy, ...rest }: { sign: string; label: string; busy?: boolean; disabled?: boolean; onClick?: () => void; "aria-expanded"?: boolean; "aria-haspopup"?: "menu" }) {
  return (
    <button type="button" class="plain icon" aria-label={label} title={label} {...rest} disabled={rest.disabled || busy} aria-busy={busy || undefined}>
      <Drawing sign={busy ? "busy" : sign} />
    </button>
  );
}

/** A text in which `this` is code, as the server writes it. */
export function Words({ children }: { children: string }) {
  const parts = children.split(/`([^`]+)`/);
  return <>{parts.map((part, n) => (n % 2 === 1 ? <code key={n}>{part}</code> : part))}</>;
}

/** What is wrong, where, and the fix. Stays until it is mended or dismissed. */
export function Problems({ problems, onDismiss, strip = "" }: { problems: Problem[]; onDismiss?: (() => void) | undefined; strip?: string }) {
  if (problems.length === 0) return null;
  return (
    <div class="note bad" role="alert">
      {problems.map((problem, at) => (
        <div class="spread" key={at}>
          <span>
            {problem.path && <><code>{problem.path.replace(strip, "")}</code>: </>}
            <Words>{problem.message}</Words>
            {problem.fix && <><br /><span class="soft"><Words>{problem.fix}</Words></span></>}
          </span>
          {at === 0 && onDismiss && <Icon sign="close" label="Dismiss" onClick={onDismiss} />}
        </div>
      ))}
    </div>
  );
}

export function Failure({ error, onAgain }: { error: string | null; onAgain?: () => void }) {
  if (!error) return null;
  return (
    <div class="note bad" role="alert">
      <div class="spread">
        <span><Words>{error}</Words></span>
        {onAgain && <Button onClick={onAgain}>Try again</Button>}
      </div>
    </div>
  );
}

/** "4 s ago"; silent for screen readers, who would hear it tick. */
export function Age({ at, hideBelowMs = 0 }: { at: number; hideBelowMs?: number }) {
  useTick(1000);
  const age = performance.now() - at;
  if (at === 0 || age < hideBelowMs) return null;
  return <span class="soft small" aria-hidden="true">{span(age)} ago</span>;
}

/** What was typed before a log-out, a reload or a look elsewhere is here again. `of`: where it was kept. */
export function Restored({ what, of }: { what: string; of: string }) {
  const [cut] = useState(() => isCut(of));
  return (
    <p class="note small" role="status">
      <span>Your {what} from before are here again, not saved yet.{cut && <b> Passwords do not outlive a reload: type them again{" "}where it says <code>***</code>, or where they are missing.</b>}</span>
    </p>
  );
}

/** Something here is typed and not saved. */
export function Unsaved() {
  return <span title="Not saved yet"><span aria-hidden="true">•</span><span class="away">, not saved yet</span></span>;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

export function Loading({ what }: { what: string }) {
  return <p class="soft" aria-busy="true">Loading {what}…</p>;
}

/** Copies text, and says so. */
export function Copy({ text, label = "Copy" }: { text: () => string; label?: string }) {
  const [done, setDone] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    const ok = await copyText(text());
    setDone(ok ? "Copied" : "Copying was refused by the browser");
    announce(ok ? "Copied" : "Not copied");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(null), 2000);
  };
  return <button type="button" onClick={() => void copy()}>{done ?? label}</button>;
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS there is no clipboard for pages of other machines: the old way works there.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const ok = document.execCommand("copy");
    area.remove();
    return ok;
  }
}

/** Gives `text` as a file. */
export function download(name: string, text: string, type: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const pretty = (value: unknown) => JSON.stringify(value, null, 2);

/** `against`: lines that it does not have are marked. */
export function JsonText({ value, against }: { value: unknown; against?: unknown }) {
  if (against === undefined) return <pre tabIndex={0}>{pretty(value)}</pre>;
  // As often as they are there; a comma at the end says nothing.
  const others = new Map<string, number>();
  for (const line of bare(against)) others.set(line, (others.get(line) ?? 0) + 1);
  const marked = bare(value).map((line) => {
    const left = others.get(line) ?? 0;
    others.set(line, left - 1);
    return left <= 0;
  });
  return <pre tabIndex={0}>{pretty(value).split("\n").map((line, n) => <Fragment key={n}>{marked[n] ? <mark>{line}</mark> : line}{"\n"}</Fragment>)}</pre>;
}

const bare = (value: unknown) => pretty(value).split("\n").map((line) => line.replace(/,$/, ""));

// What a child program has said last: the first thing to read when it does not do what it should.
import { useRef } from "preact/hooks";
import { api } from "../../api";
import { Age, Copy, Empty, Failure, Loading } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { useAsked, useTail } from "../../parts/hooks";
import { clock } from "../../parts/text";

/** Where a server that keeps the lines has them. */
export const OUTPUT = "/api/v1/instances/{id}/exporters/{name}/output";

const EVERY_MS = 2000;
const FROM = { stdout: "out", stderr: "err", watchpost: "watchpost" };

export function OutputLines({ instance, name }: { instance: string; name: string }) {
  const { value, error, at, again } = useAsked(() => api.exporterOutput(instance, name), [instance, name], EVERY_MS);
  const box = useRef<HTMLDivElement>(null);
  useTail(box, value);
  const line = ({ at_ms, from, text }: { at_ms: number; from: keyof typeof FROM; text: string }) => `${clock(at_ms)} ${(FROM[from] ?? from).padEnd(3)} ${text}`;
  return (
    <>
      <Failure error={error} onAgain={() => void again()} />
      {!value && !error && <Loading what="its output" />}
      {value?.length === 0 && <Empty><p>It has said nothing yet. What it writes to standard error, and to standard output besides its answers, appears here.</p></Empty>}
      {value && value.length > 0 && (
        <>
          <div class="card log" ref={box} tabIndex={0} role="region" aria-label={`Last output of ${name}`} data-output="">
            {value.map((one, n) => <div key={n} class={one.from === "watchpost" ? "warn" : ""}>{line(one)}</div>)}
          </div>
          <div class="line"><Copy text={() => value.map(line).join("\n")} /><Age at={at} hideBelowMs={5000} /></div>
        </>
      )}
    </>
  );
}

export function Output({ instance, name, onClose }: { instance: string; name: string; onClose: () => void }) {
  return <Dialog title={`Last output of ${name}`} onClose={onClose} wide><OutputLines instance={instance} name={name} /></Dialog>;
}

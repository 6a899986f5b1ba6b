// Dead letters: what a receiver has refused for good. To be looked at, sent again, dropped.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance } from "../../api/types";
import { Age, Button, Empty, Failure, JsonText, Loading, Problems } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { announce } from "../../parts/announce";
import { useAsked, useDoing } from "../../parts/hooks";
import { clock, plural } from "../../parts/text";
import { shortened } from "../../live/data";
import { may, refresh } from "../../state";

/** A letter that is sent again is gone from here once it has arrived. */
const EVERY_MS = 1000;

export function Letters({ instance, name, onClose }: { instance: Instance; name: string; onClose: () => void }) {
  const asked = useAsked(async () => (await api.dead(instance.id, name)).letters, [instance.id, name], EVERY_MS);
  const doing = useDoing();
  const [said, setSaid] = useState<string | null>(null);
  const letters = asked.value;
  const act = (what: "resend" | "drop", numbers: number[]) => void doing.run(async () => {
    const { count } = await api[what](instance.id, name, numbers);
    const words = what === "resend" ? `${plural(count, "letter")} sent again, before anything newer` : `${plural(count, "letter")} dropped`;
    setSaid(words);
    announce(words);
    await asked.again();
    await refresh();
  });
  const change = may("operator");
  const foot = letters && letters.length > 0 && (
    <>
      <Button class="danger" disabled={!change} busy={doing.busy} onClick={() => act("drop", [])}>Drop all</Button>
      <Button disabled={!change} busy={doing.busy} onClick={() => act("resend", [])}>Send all again</Button>
    </>
  );
  return (
    <Dialog title={`Dead letters of ${name}`} onClose={onClose} foot={foot || undefined} wide>
      <p class="soft">What it refused for good. Mend the receiver or its settings, then send them again. <Age at={asked.at} hideBelowMs={3000} /></p>
      {said && <p class="note" role="status">{said}</p>}
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      {!letters && !asked.error && <Loading what="dead letters" />}
      {letters?.length === 0 && <Empty><p>Nothing was refused for good.</p></Empty>}
      <ul class="exports">
        {letters?.map((letter) => (
          <li class="export" key={letter.letter} data-letter={letter.letter}>
            <div class="stack" style={{ gap: "4px" }}>
              <div class="title"><strong>#{letter.letter}</strong><span>{letter.reason}</span><span class="soft">{clock(letter.time_ms)}</span></div>
              <details><summary>What it was</summary>{letter.items.map((item, n) => <JsonText key={n} value={shortened(item.json)} />)}</details>
            </div>
            <div class="act">
              <Button disabled={!change || doing.busy} onClick={() => act("resend", [letter.letter])}>Send again</Button>
              <Button class="plain" disabled={!change || doing.busy} onClick={() => act("drop", [letter.letter])}>Drop</Button>
            </div>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

// Dead letters: what a receiver has refused for good. To be looked at, sent again, dropped.
import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance, Json, JsonObject } from "../../api/types";
import { Button, Empty, Failure, JsonText, Loading, Problems } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { announce } from "../../parts/announce";
import { useAsked, useDoing } from "../../parts/hooks";
import { clock, plural } from "../../parts/text";
import { shortened } from "../../live/data";
import { may, refresh } from "../../state";

interface Letter { number: number; reason: string; at: string; what: Json }

export function Letters({ instance, name, onClose }: { instance: Instance; name: string; onClose: () => void }) {
  const asked = useAsked(async () => lettersOf(await api.dead(instance.id, name)), [instance.id, name]);
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
      <p class="soft">What it refused for good. Mend the receiver or its settings, then send them again.</p>
      {said && <p class="note" role="status">{said}</p>}
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      {!letters && !asked.error && <Loading what="dead letters" />}
      {letters?.length === 0 && <Empty><p>Nothing was refused for good.</p></Empty>}
      <ul class="exports">
        {letters?.map((letter) => (
          <li class="export" key={letter.number} data-letter={letter.number}>
            <div class="stack" style={{ gap: "4px" }}>
              <div class="title"><strong>#{letter.number}</strong><span>{letter.reason}</span><span class="soft">{letter.at}</span></div>
              <details><summary>What it was</summary><JsonText value={shortened(letter.what)} /></details>
            </div>
            <div class="act">
              <Button disabled={!change || doing.busy} onClick={() => act("resend", [letter.number])}>Send again</Button>
              <Button class="plain" disabled={!change || doing.busy} onClick={() => act("drop", [letter.number])}>Drop</Button>
            </div>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function lettersOf(answer: Json): Letter[] {
  const list = Array.isArray(answer) ? answer : ((answer as JsonObject | null)?.letters ?? []);
  return (Array.isArray(list) ? list : []).map((entry) => {
    const letter = entry as JsonObject;
    const { number, letter: own, reason, message, at_ms, at, ...rest } = letter;
    const when = at_ms ?? at;
    const what = letter.message && typeof letter.message !== "string" ? letter.message : letter.records ?? letter.record ?? letter.object ?? rest;
    return {
      number: Number(number ?? own ?? 0),
      reason: String(reason ?? (typeof message === "string" ? message : "refused")),
      at: typeof when === "number" || typeof when === "string" ? clock(when) : "",
      what: what as Json,
    };
  });
}

// What is missing or wrong on the server's machine, and how to mend it: the findings of `watchpost doctor`.
import { api } from "../../api";
import type { Finding } from "../../api/types";
import { Age, Button, Failure, Loading, Words } from "../../parts/basic";
import { useAsked, useDoing } from "../../parts/hooks";
import { plural } from "../../parts/text";
import { useOffers } from "../../offers";
import { may } from "../../state";

const LOOKS: Record<Finding["level"], string> = { ok: "good", warning: "warn", error: "bad" };
const RANK: Finding["level"][] = ["error", "warning", "ok"];

export function Doctor() {
  const offered = useOffers("/api/v1/system/doctor");
  if (!offered || !may("admin")) {
    return <p class="soft small">On the server, <code>watchpost doctor</code> says what is missing or wrong on that machine, and how to mend it.{offered && " An admin sees it here."}</p>;
  }
  return <Findings />;
}

function Findings() {
  const asked = useAsked(() => api.doctor(), []);
  const doing = useDoing();
  const all = [...(asked.value ?? [])].sort((one, other) => RANK.indexOf(one.level) - RANK.indexOf(other.level));
  const wrong = all.filter(({ level }) => level !== "ok");
  const fine = all.filter(({ level }) => level === "ok");
  const count = (level: Finding["level"]) => all.filter((one) => one.level === level).length;
  return (
    <section class="card" aria-label="This machine" data-doctor="">
      <div class="spread">
        <h2>This machine</h2>
        <span class="line"><Age at={asked.at} /><Button busy={doing.busy} busyText="Looking…" onClick={() => void doing.run(asked.again)}>Look again</Button></span>
      </div>
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      {!asked.value && !asked.error && <Loading what="what is found on this machine" />}
      {asked.value && wrong.length === 0 && <p><span class="state good">Nothing is missing or wrong</span></p>}
      {wrong.length > 0 && <p role="status">{plural(count("error"), "problem")}, {plural(count("warning"), "warning")}, {count("ok")} as they should be.</p>}
      <ul class="stack">{wrong.map((finding) => <One key={finding.what + finding.detail} finding={finding} />)}</ul>
      {fine.length > 0 && <details><summary>{plural(fine.length, "check")} without a finding</summary><ul class="stack">{fine.map((finding) => <One key={finding.what + finding.detail} finding={finding} />)}</ul></details>}
    </section>
  );
}

function One({ finding: { level, what, detail, fix } }: { finding: Finding }) {
  return (
    <li class={level === "ok" ? "" : `note ${LOOKS[level]}`} data-finding={level}>
      <span class={`state ${LOOKS[level]}`} style={{ whiteSpace: "normal" }}><span><strong>{what}</strong>: <Words>{detail}</Words></span></span>
      {fix && <span><b>Fix:</b> <Words>{fix}</Words></span>}
    </li>
  );
}

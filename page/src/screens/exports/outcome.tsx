// What became of a test that was sent.
import type { TestOutcome } from "../../api/types";
import { JsonText } from "../../parts/basic";
import { shortened } from "../../live/data";

const WORDS: Record<string, [string, string]> = {
  delivered: ["good", "It arrived"],
  failed: ["bad", "It did not arrive"],
  refused: ["bad", "It was refused"],
};

export function Outcome({ outcome }: { outcome: TestOutcome | null }) {
  if (!outcome) return null;
  const [look, words] = WORDS[outcome.outcome] ?? ["", outcome.outcome];
  return (
    <div class={`note ${look === "good" ? "" : look}`} role="status" data-outcome={outcome.outcome}>
      <span><span class={`state ${look}`}>{words}</span>{outcome.message && `: ${outcome.message}`}</span>
      {outcome.sent !== undefined && outcome.sent !== null && <details><summary>What was sent</summary><JsonText value={shortened(outcome.sent)} /></details>}
    </div>
  );
}

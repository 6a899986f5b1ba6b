// The last 20 deliveries and errors of a receiver.
import { api } from "../../api";
import type { Instance } from "../../api/types";
import { Age, Empty, Failure, Loading } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { useAsked } from "../../parts/hooks";
import { clock, plural } from "../../parts/text";

const LOOKS: Record<string, string> = { delivered: "good", refused: "bad", failed: "bad", waiting: "warn", retried: "warn", error: "bad" };

/** Where a server that remembers them has them. */
export const DELIVERIES = "/api/v1/instances/{id}/receivers/{name}/deliveries";

export function Deliveries({ instance, name, onClose }: { instance: Instance; name: string; onClose: () => void }) {
  const { value, error, at, again } = useAsked(() => api.deliveries(instance.id, name), [instance.id, name], 1000);
  return (
    <Dialog title={`Last deliveries of ${name}`} onClose={onClose} wide>
      <Failure error={error} onAgain={() => void again()} />
      {!value && !error && <Loading what="deliveries" />}
      {value?.length === 0 && <Empty><p>Nothing yet since Watchpost started. What it delivers, and what fails, appears here.</p></Empty>}
      {value && value.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Deliveries"><table>
          <thead><tr><th scope="col">Time</th><th scope="col">Outcome</th><th scope="col">What</th></tr></thead>
          <tbody>
            {value.map((delivery, n) => (
              <tr key={n}><td>{clock(delivery.at_ms)}</td><td><span class={`state ${LOOKS[delivery.outcome] ?? ""}`}>{delivery.outcome}</span></td>
                <td>{delivery.count ? plural(delivery.count, "record or object", "records or objects") : ""} {delivery.message}</td></tr>
            ))}
          </tbody>
        </table></div>
      )}
      <Age at={at} hideBelowMs={3000} />
    </Dialog>
  );
}

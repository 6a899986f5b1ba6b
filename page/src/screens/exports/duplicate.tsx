import { useState } from "preact/hooks";
import { api } from "../../api";
import type { Instance } from "../../api/types";
import { Button, Problems } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { useDoing } from "../../parts/hooks";
import { Text } from "../../forms/field";

/** The same once more under another name. Files that both would write to are refused by the server, which says so. */
export function Duplicate({ instance, name, onClose, onDone }: { instance: Instance; name: string; onClose: () => void; onDone: () => void }) {
  const [to, setTo] = useState(`${name} copy`);
  const doing = useDoing();
  const save = async () => {
    if (await doing.run(() => api.duplicateExport(instance.id, name, to.trim()))) {
      onDone();
      onClose();
    }
  };
  const foot = <><Button onClick={onClose}>Cancel</Button><Button class="main" busy={doing.busy} disabled={!to.trim()} onClick={() => void save()}>Duplicate</Button></>;
  return (
    <Dialog title={`Duplicate ${name}`} onClose={onClose} foot={foot}>
      <Text label="Name of the copy" value={to} onChange={setTo} focus help="It begins switched off where both would write to one file" />
      <Problems problems={doing.problems} />
    </Dialog>
  );
}

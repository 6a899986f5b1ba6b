// Users and tokens. A token is shown once.
import { useState } from "preact/hooks";
import { api } from "../../api";
import { Button, Copy, Failure, Loading, Problems } from "../../parts/basic";
import { Confirm, Dialog } from "../../parts/dialog";
import { useAsked, useDoing } from "../../parts/hooks";
import { Select, Text } from "../../forms/field";
import { may } from "../../state";

const ROLES: [string, string][] = [["viewer", "viewer: may look"], ["operator", "operator: may change instances and exports"], ["admin", "admin: may set commands and users too"]];

export function People() {
  if (!may("admin")) return <p class="soft">Only an admin sees users and tokens.</p>;
  return <div class="cards"><Users /><Tokens /></div>;
}

function Users() {
  const asked = useAsked(() => api.users(), []);
  const [adding, setAdding] = useState(false);
  const doing = useDoing();
  const [leaving, setLeaving] = useState<string | null>(null);
  const remove = async (name: string) => {
    const ok = await doing.run(() => api.deleteUser(name));
    await asked.again();
    return ok;
  };
  const role = (name: string, to: string) => void doing.run(() => api.putUser(name, to)).then(() => asked.again());
  return (
    <section class="card" aria-label="Users">
      <div class="spread"><h2>Users</h2><Button onClick={() => setAdding(true)}>+ Add user</Button></div>
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      {!asked.value && !asked.error && <Loading what="users" />}
      {asked.value?.length === 0 && <p class="soft">There are none: whoever reaches this machine's loopback address is admin, and no other address is served. The first user has to be an admin.</p>}
      <table><tbody>{asked.value?.map((user) => (
        <tr key={user.name}><th scope="row">{user.name}</th>
          <td><select aria-label={`Role of ${user.name}`} value={user.role} onChange={(event) => role(user.name, event.currentTarget.value)}>{ROLES.map(([name]) => <option key={name} value={name}>{name}</option>)}</select></td>
          <td class="number"><Button class="plain" aria-label={`Delete ${user.name}`} onClick={() => setLeaving(user.name)}>Delete</Button></td></tr>
      ))}</tbody></table>
      {leaving !== null && (
        <Confirm title={`Delete ${leaving}?`} action="Delete" onDo={() => remove(leaving)} onClose={() => setLeaving(null)}>
          <p>Whoever is logged in as {leaving} is logged out. {asked.value?.length === 1 && "It is the only user: from then on nobody has to log in, and only this machine is served."}</p>
          <Problems problems={doing.problems} />
        </Confirm>
      )}
      {adding && <AddUser first={asked.value?.length === 0} onClose={() => setAdding(false)} onDone={() => void asked.again()} />}
    </section>
  );
}

function AddUser({ first, onClose, onDone }: { first: boolean; onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState(first ? "admin" : "viewer");
  const doing = useDoing();
  const save = async () => {
    if (await doing.run(() => api.putUser(name.trim(), role, password))) {
      onDone();
      onClose();
    }
  };
  const foot = <><Button onClick={onClose}>Cancel</Button><Button class="main" busy={doing.busy} disabled={!name.trim() || !password} onClick={() => void save()}>Add</Button></>;
  return (
    <Dialog title="Add user" onClose={onClose} foot={foot}>
      {first && <p class="note">From then on everybody has to log in, on this machine too.</p>}
      <Text label="Name" value={name} onChange={setName} focus autocomplete="off" />
      <Text label="Password" type="password" value={password} onChange={setPassword} autocomplete="new-password" help="8 characters at least" />
      <Select label="Role" value={role} options={ROLES} onChange={setRole} />
      <Problems problems={doing.problems} />
    </Dialog>
  );
}

function Tokens() {
  const asked = useAsked(() => api.tokens(), []);
  const [name, setName] = useState("");
  const [role, setRole] = useState("viewer");
  const [made, setMade] = useState<string | null>(null);
  const doing = useDoing();
  const add = () => void doing.run(async () => {
    setMade((await api.addToken(name.trim(), role)).token);
    setName("");
    await asked.again();
  });
  const [leaving, setLeaving] = useState<{ id: string; name: string } | null>(null);
  const remove = async (id: string) => {
    const ok = await doing.run(() => api.deleteToken(id));
    await asked.again();
    return ok;
  };
  return (
    <section class="card" aria-label="Tokens">
      <h2>Tokens</h2>
      <p class="soft">For programs: they send the header <code>Authorization: Bearer TOKEN</code>.</p>
      {asked.value?.length === 0 && <p class="soft">There are none yet. Here will be each token's name and role; the token itself is shown once, when it is made.</p>}
      <Failure error={asked.error} onAgain={() => void asked.again()} />
      <form noValidate class="line" style={{ alignItems: "end" }} onSubmit={(event) => { event.preventDefault(); add(); }}>
        <div class="grow"><Text label="Name" value={name} onChange={setName} /></div>
        <Select label="Role" value={role} options={ROLES.map(([one]) => [one, one])} onChange={setRole} />
        <Button type="submit" busy={doing.busy} disabled={!name.trim()}>Make a token</Button>
      </form>
      {made && <div class="note" role="status"><span>Shown once, now: <code>{made}</code></span><div><Copy text={() => made} /></div></div>}
      <Problems problems={doing.problems} onDismiss={doing.clear} />
      <table><tbody>{asked.value?.map((token) => (
        <tr key={token.id}><th scope="row">{token.name}</th><td>{token.role}</td><td class="number"><Button class="plain" aria-label={`Delete the token ${token.name}`} onClick={() => setLeaving(token)}>Delete</Button></td></tr>
      ))}</tbody></table>
      {leaving && (
        <Confirm title={`Delete the token ${leaving.name}?`} action="Delete" onDo={() => remove(leaving.id)} onClose={() => setLeaving(null)}>
          <p>Programs that use it are refused from then on.</p>
          <Problems problems={doing.problems} />
        </Confirm>
      )}
    </section>
  );
}

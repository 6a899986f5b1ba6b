// The log-in screen.
import { useState } from "preact/hooks";
import { api } from "../../api";
import { Button, Problems } from "../../parts/basic";
import { useDoing } from "../../parts/hooks";
import { Text } from "../../forms/field";
import { askWho, locked, refresh, session } from "../../state";

export function LoginScreen() {
  // Who was here and did not log out: the session has ended.
  const was = session.value?.user;
  const [user, setUser] = useState(was ?? "");
  const [password, setPassword] = useState("");
  const doing = useDoing();
  const enter = () => doing.run(async () => {
    await api.logIn(user.trim(), password);
    await askWho();
    locked.value = false;
    await refresh();
  });
  return (
    <form noValidate class="card login" onSubmit={(event) => { event.preventDefault(); void enter(); }}>
      <h1>Log in</h1>
      {was && <p class="note" role="status">Your session has ended. Log in again: what you had not saved is still there.</p>}
      <Text label="User" value={user} onChange={setUser} focus={!was} autocomplete="username" />
      <Text label="Password" type="password" value={password} onChange={setPassword} focus={!!was} autocomplete="current-password" />
      <Problems problems={doing.problems} />
      <Button class="main" type="submit" busy={doing.busy} disabled={!user.trim() || !password}>Log in</Button>
      <p class="soft small">Forgotten? <code>watchpost password</code> on the server sets a new one.</p>
    </form>
  );
}

// A way to a server that can be cut and mended, as cables are.
import { connect, createServer } from "node:net";

export async function cable(port) {
  const open = new Set();
  let cut = false;
  const server = createServer((near) => {
    if (cut) return near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      // One that is cut says so by its end.
      one.on("error", () => {});
      one.on("close", () => { open.delete(one); other.destroy(); });
      one.pipe(other);
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const end = () => { for (const one of open) one.destroy(); };
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    cut() { cut = true; end(); },
    mend() { cut = false; },
    close() { server.close(); end(); },
  };
}

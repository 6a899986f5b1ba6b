"""A web server to try exporters/webhook against: it does what the plan on its command line says.

    hook_server.py LOG [--plan STEP,STEP,...] [--tls CERT KEY] [--port PORT]

Steps, one per request: a status; `429:2` with Retry-After in seconds; `307:/path` or `307:http://...` with Location;
`slow:0.2` seconds before 200; `close` without an answer; `half`: 200, and closes in the middle of the answer; `huge`: 200 and
1 MiB; `hang`: never answers. After the plan: 200. Prints its port, and appends one line of JSON to LOG for each request.
"""

import argparse
import http.server
import json
import ssl
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: with Nagle the second waits 40 ms for the delayed acknowledgement of the first.
    disable_nagle_algorithm = True

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        step = self.server.plan.pop(0) if self.server.plan else "200"
        name, _, more = step.partition(":")
        status = 200 if name in ("slow", "close", "half", "huge", "hang") else int(name)
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("utf-8", "replace"),
            "step": step,
            "accepted": 200 <= status < 300 and name not in ("close", "hang"),
            "at": time.time(),
            "connection": self.client_address[1],
        }
        with self.server.lock:
            self.server.log.write(json.dumps(seen) + "\n")
            self.server.log.flush()
        if name == "slow":
            time.sleep(float(more))
        if name == "hang":
            time.sleep(3600)
        if name in ("close", "hang"):
            self.close_connection = True
            return
        answer = b"x" * (1 << 20) if name == "huge" else b"because of the plan" if status >= 400 else b"{}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if status in (429, 503) and more:
            self.send_header("Retry-After", more)
        if 300 <= status < 400 and more:
            self.send_header("Location", more)
        self.end_headers()
        if name == "half":
            self.wfile.write(answer[:1])
            self.close_connection = True
        else:
            self.wfile.write(answer)

    do_POST = do_PUT = do_GET = handle_one

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


def serve(log, plan=(), tls=None, port=0):
    server = Server(("127.0.0.1", port), Handler)
    server.plan, server.lock = list(plan), threading.Lock()
    server.log = open(log, "a")
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--plan", default="")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    server = serve(options.log, [step for step in options.plan.split(",") if step], options.tls, options.port)
    print(server.server_port, flush=True)
    # Until whoever started it goes.
    sys.stdin.read()

"""An OpenTelemetry collector for tests: takes traces by OTLP over HTTP, read with OpenTelemetry's own Python package, and
appends each span to a file as a line of JSON. With a second file, a key and its certificate, by TLS. Says its port on its
standard output."""

import http.server
import json
import pathlib
import ssl
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def plain(values):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in values}


def spans(request):
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield {
                    "resource": plain(of_resource.resource.attributes),
                    "scope": of_scope.scope.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "start_ns": span.start_time_unix_nano,
                    "end_ns": span.end_time_unix_nano,
                    "attributes": plain(span.attributes),
                    "failed": span.status.code == span.status.STATUS_CODE_ERROR,
                    "message": span.status.message,
                }


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if (self.path, self.headers["Content-Type"]) != ("/v1/traces", "application/x-protobuf"):
            self.send_error(404)
            return
        with self.server.log.open("a") as log:
            log.writelines(json.dumps(span) + "\n" for span in spans(ExportTraceServiceRequest.FromString(body)))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.log = pathlib.Path(sys.argv[1])
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()

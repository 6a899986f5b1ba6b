#!/usr/bin/env python3
"""Webhook: sends each record to a web address, in order, and answers OK once the server has said 2xx.

Reads messages from STDIN, each a record (or a list of records) ended by a NUL byte. Settings are in the environment,
since an address may hold a password.

| the server                                       | what happens                                                   |
|--------------------------------------------------|----------------------------------------------------------------|
| 2xx                                              | OK                                                             |
| 408, 425, 429, 5xx, no answer, broken connection | tried again with growing pauses, at least Retry-After          |
| 307, 308                                         | followed with the same method and body, up to MAX_REDIRECTS    |
| any other                                        | ERROR: sent again once, then a dead letter                     |

An outage is no record's fault: after HOLD_S of trying, this program ends with status 75 (EX_TEMPFAIL of sysexits.h).
Watchpost starts it again with growing pauses and sends it the same records, for as long as the outage lasts. So
nothing becomes a dead letter because a server is down.

The manifest's timeout_ms is above the longest time that one message may take: HOLD_S, one more request, one
Retry-After.

Python 3.6 or newer, standard library only.
"""

import base64
import binascii
import email.utils
import functools
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import select
import signal
import socket
import ssl
import sys
import time
import urllib.parse

# How long one message is tried before the outage is told by ending. Short of the minute after which Watchpost takes
# a life for a good one and begins with short pauses again.
HOLD_S = 20
# Pauses between tries: doubled from the first to the longest, shortened by up to a quarter so that many do not
# return together.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10
# The longest Retry-After that is waited for; a longer one is cut to this. See timeout_ms above.
MAX_RETRY_AFTER_S = 600
# Hops from one address to the next, as in the Fetch standard a round number that no sane set-up reaches.
MAX_REDIRECTS = 5
# Bytes of an answer that are read: enough for a reason, and to use the connection again. More closes it.
MAX_ANSWER_BYTES = 64 << 10
# Characters of an answer that go into an ERROR.
REASON_CHARACTERS = 200

TRY_LATER = 75  # EX_TEMPFAIL
BAD_SETTINGS = 78  # EX_CONFIG

RETRIED = (408, 425, 429)
FOLLOWED = (307, 308)

# Ours to set: what a user writes there would break the request.
RESERVED_HEADERS = ("host", "content-length", "transfer-encoding", "connection", "content-type")


class BadSettings(Exception):
    pass


class Outage(Exception):
    """Nobody's fault but the server's or the network's."""


class Refused(Exception):
    """The server, or we, will not take this one."""


class Later(Exception):
    """This try failed. `after_s`: what the server asked to wait."""

    def __init__(self, reason, after_s=0):
        super().__init__(reason)
        self.after_s = after_s


def main():
    try:
        settings = Settings(os.environ)
    except BadSettings as error:
        note("settings: %s" % error)
        return BAD_SETTINGS
    note("sending to %s" % settings.shown)
    sender = Sender(settings)
    for message in messages(sys.stdin.buffer):
        try:
            began = time.monotonic()
            for request in requests(message, settings):
                sender.deliver(request, began)
        except (Refused, ValueError, RecursionError) as error:
            answer("ERROR %s" % error)
        except Outage as error:
            note(str(error))
            return TRY_LATER
        else:
            answer("OK")
    return 0


def answer(text):
    sys.stdout.write(" ".join(text.split()) + "\n")
    sys.stdout.flush()


def note(text):
    """Into Watchpost's log."""
    print(text, file=sys.stderr, flush=True)


def messages(stream):
    """Each message without its NUL byte. What stands behind the last NUL was cut off and comes again."""
    begun = []
    while True:
        data = stream.read1(1 << 16)
        if not data:
            return
        pieces = data.split(b"\0")
        begun.append(pieces[0])
        for piece in pieces[1:]:
            yield b"".join(begun)
            begun = [piece]


class Settings:
    """What the user has set, checked."""

    def __init__(self, environment):
        def text(name, default=""):
            return environment.get("WATCHPOST_SETTING_" + name.upper(), default).strip()

        self.target = Target(text("url"))
        self.shown = self.target.shown
        self.method = text("method", "POST")
        self.format = text("format", "record")
        self.template = text("template")
        if self.format == "template" and not self.template:
            raise BadSettings("`template` is empty: expected the body, for example {\"text\": \"{obj.object_class}\"}")
        self.content_type = text("content_type", "application/json")
        self.only = {one.strip() for one in text("only").split(",")} - {""}
        self.headers = more_headers(text("headers"))
        for name, value in (("authorization", text("authorization")), ("content_type", self.content_type)):
            if not printable(value):
                raise BadSettings("`%s` holds what no header may hold" % name)
        if text("authorization"):
            self.headers["Authorization"] = text("authorization")
        elif self.target.credentials:
            self.headers.setdefault("Authorization", "Basic " + self.target.credentials)
        self.key = signing_key(text("signing_secret"))
        self.timeout_s = int(text("timeout_s", "10"))
        self.make_tls = functools.lru_cache(1)(
            functools.partial(tls_context, text("ca_file"), text("verify", "true") == "true")
        )
        if self.target.tls or text("ca_file"):
            # Now, so that a bad file is named before anything is read. It takes a moment: not where nobody needs it.
            self.make_tls()
        self.instance_id = environment.get("WATCHPOST_INSTANCE_ID", "")


class Target:
    """An address: where to connect and what to ask for there."""

    def __init__(self, url):
        try:
            parts = urllib.parse.urlsplit(url)
            self.port = parts.port
        except ValueError as error:
            raise BadSettings("`url` cannot be read: %s" % error)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSettings("`url` is %r: expected http://host/path or https://host/path" % url)
        try:
            parts.hostname.encode("idna")
        except UnicodeError as error:
            raise BadSettings("`url`: %r is no name of a host: %s" % (parts.hostname, error))
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.origin = (self.tls, self.host, self.port or (443 if self.tls else 80))
        path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        self.path = path + ("?" + query if query else "")
        user = urllib.parse.unquote(parts.username or "")
        password = urllib.parse.unquote(parts.password or "")
        self.credentials = base64.b64encode(("%s:%s" % (user, password)).encode()).decode() if user else ""
        host = "[%s]" % self.host if ":" in self.host else self.host
        self.authority = host if self.port is None else "%s:%d" % (host, self.port)
        # For logs: neither password nor query, which often holds a token.
        self.shown = "%s://%s%s" % (parts.scheme, self.authority, path)
        self.url = "%s://%s%s" % (parts.scheme, self.authority, self.path)


def more_headers(text):
    try:
        headers = json.loads(text) if text else {}
    except ValueError as error:
        raise BadSettings("`headers` is not JSON: %s; expected for example {\"X-Site\": \"north\"}" % error)
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise BadSettings("`headers` is not an object of texts; expected for example {\"X-Site\": \"north\"}")
    for name, value in headers.items():
        if not re.match(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", name) or name.lower() in RESERVED_HEADERS:
            raise BadSettings("`headers`: %r is no name of a header, or one that is set for you" % name)
        if not printable(value):
            raise BadSettings("`headers`: the value of %s holds what no header may hold" % name)
    return headers


def printable(value):
    return all(" " <= letter <= "~" or letter == "\t" for letter in value)


def signing_key(secret):
    """As in Standard Webhooks: `whsec_` and base64, or any other text as it is."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret[len("whsec_") :], validate=True)
    except (binascii.Error, ValueError):
        raise BadSettings("`signing_secret` begins with whsec_ but what follows is not base64")


def tls_context(ca_file, verify):
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadSettings("`ca_file` %s: %s" % (ca_file, error))
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Request:
    """One message on its way. The same bytes and the same `webhook-id` at every try, so that a server can tell that
    it has it already."""

    def __init__(self, identity, content_type, body, headers=()):
        self.identity = identity
        self.body = body
        self.headers = {"Content-Type": content_type, **dict(headers)}


def requests(message, settings):
    """What is sent for a message."""
    content = json.loads(message.decode("utf-8"))
    records = content if isinstance(content, list) else [content]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("expected a record or a list of records")
    if settings.only and not any(record.get("$id") in settings.only for record in records):
        return []
    if settings.format == "template":
        body = fill(settings.template, records[0], message)
        return [Request(identity(records[0], message), settings.content_type, body)]
    if settings.format == "CloudEvents structured":
        if content is records:
            events = [structured(record, compact(record), settings) for record in records]
            body = b"[" + b",".join(events) + b"]"
            return [Request(identity(records[0], message), "application/cloudevents-batch+json; charset=UTF-8", body)]
        body = structured(content, message, settings)
        return [Request(identity(content, message), "application/cloudevents+json; charset=UTF-8", body)]
    if settings.format == "CloudEvents binary":
        # A request is one event there; a list becomes several.
        pairs = [(record, compact(record)) for record in records] if content is records else [(content, message)]
        return [
            Request(identity(record, body), "application/json", body, binary(attributes(record, body, settings)))
            for record, body in pairs
        ]
    return [Request(identity(records[0], message), "application/json", message)]


def compact(record):
    return json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode()


def identity(record, message):
    """The same whenever the message is sent again."""
    given = record.get("record_id")
    return given if isinstance(given, str) and printable(given) else hashlib.sha256(message).hexdigest()


def attributes(record, message, settings):
    """Context attributes of CloudEvents 1.0 (section "Context Attributes")."""
    found = {
        "specversion": "1.0",
        "id": identity(record, message),
        "source": "/watchpost/instance/%s" % (record.get("instance_id") or settings.instance_id or "unknown"),
        "type": "watchpost.%s.v%s" % (record.get("$id", "record"), record.get("$version", 0)),
    }
    moment = record.get("timestamp") or record.get("system_datetime")
    if isinstance(moment, str):
        found["time"] = moment
    subject = record.get("tracking_id") or record.get("ref_tracking_id")
    if isinstance(subject, str):
        found["subject"] = subject
    if isinstance(record.get("sequence"), int):
        # The documented extension `sequence`: a text whose alphabetical order is the order of the log.
        found["sequence"] = "%020d" % record["sequence"]
    return found


def structured(record, message, settings):
    """One JSON object with the record in `data`, whose bytes stay what they are."""
    found = dict(attributes(record, message, settings), datacontenttype="application/json")
    return json.dumps(found).encode()[:-1] + b', "data": ' + message + b"}"


def binary(found):
    """CloudEvents HTTP binding 3.1.3: attributes as headers, percent-encoded."""
    return {"ce-" + name: urllib.parse.quote(value, safe="!#$&'()*+,-./:;<=>?@[\\]^_`{|}~") for name, value in found.items()}


def fill(template, record, message):
    """Every `{obj.a.b}` becomes the record's value: texts as they stand inside of JSON's quotes, other values as JSON.
    `{obj}` is the whole message. What is missing is the text `unknown`; every other brace is itself."""

    def value(match):
        if match.group(1) is None:
            return message.decode("utf-8")
        found = record
        for name in match.group(1)[1:].split("."):
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                return "unknown"
        text = json.dumps(found)
        return text[1:-1] if isinstance(found, str) else text

    return re.sub(r"\{obj((?:\.[^{}.]+)+)?\}", value, template).encode("utf-8")


class Sender:
    """One connection, used again as long as the server lets it live."""

    def __init__(self, settings):
        self.settings = settings
        self.connection = None
        self.origin = None
        self.failing_since = None
        self.input_ends = select.poll()
        # No events asked for: only that Watchpost has closed its end is told.
        self.input_ends.register(sys.stdin.fileno(), 0)
        signal.signal(signal.SIGALRM, overdue)

    def deliver(self, request, began):
        """Returns once the server has it."""
        pause, tries = FIRST_PAUSE_S, 0
        while True:
            tries += 1
            try:
                self.send(request)
                if self.failing_since is not None:
                    note("reached again after %d s" % (time.monotonic() - self.failing_since))
                    self.failing_since = None
                return
            except Later as error:
                self.close()
                if self.failing_since is None:
                    self.failing_since = time.monotonic()
                    note("%s: %s; trying again" % (self.settings.shown, error))
                self.wait(max(error.after_s, pause * random.uniform(0.75, 1)), error)
                if time.monotonic() - began > HOLD_S:
                    held = time.monotonic() - began
                    raise Outage(
                        "%s: %s; %d tries in %d s, trying again later" % (self.settings.shown, error, tries, held)
                    )
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def wait(self, seconds, error):
        """Not deaf: the end of the input ends the wait, too."""
        if self.input_ends.poll(seconds * 1000):
            raise Outage("%s: %s; told to end while it was trying again" % (self.settings.shown, error))

    def send(self, request):
        """One try, redirects included, within the time for a request."""
        signal.setitimer(signal.ITIMER_REAL, self.settings.timeout_s)
        try:
            target = self.settings.target
            for _ in range(MAX_REDIRECTS + 1):
                status, reason, headers, body = self.exchange(target, request)
                if 200 <= status < 300:
                    return
                if status in FOLLOWED:
                    target = redirected(target, headers.get("Location"), status)
                    continue
                said = "HTTP %d %s" % (status, reason)
                if status in RETRIED or status >= 500:
                    raise Later(said, retry_after(headers.get("Retry-After")))
                if 300 <= status < 400:
                    raise Refused("%s: redirected to %s, which would not be a %s any more; set `url` to where it is to go"
                                  % (said, headers.get("Location"), self.settings.method))
                text = body[: 4 * REASON_CHARACTERS].decode("utf-8", "replace")[:REASON_CHARACTERS]
                raise Refused("%s: %s" % (said, text) if text.strip() else said)
            raise Refused("redirected more than %d times" % MAX_REDIRECTS)
        except Overdue:
            raise Later("no answer within %d s" % self.settings.timeout_s)
        except (OSError, http.client.HTTPException, ssl.CertificateError) as error:
            # CertificateError is an OSError from Python 3.7 on.
            raise Later(str(error) or type(error).__name__)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def exchange(self, target, request):
        """A request and its answer, over the connection there is if it leads there."""
        reused = self.connection is not None and self.origin == target.origin
        if not reused:
            self.connect(target)
        try:
            return self.converse(target, request)
        except (ConnectionError, http.client.BadStatusLine):
            if not reused:
                raise
            # Closed while idle, as servers do: that is no failure of the server.
            self.connect(target)
            return self.converse(target, request)

    def connect(self, target):
        self.close()
        # The timer bounds everything; this is for what no signal interrupts.
        bound = self.settings.timeout_s
        _, host, port = target.origin
        if target.tls:
            self.connection = http.client.HTTPSConnection(host, port, timeout=bound, context=self.settings.make_tls())
        else:
            self.connection = http.client.HTTPConnection(host, port, timeout=bound)
        self.origin = target.origin
        self.connection.connect()
        # Small requests, each waiting for its answer: Nagle's delay would add 40 ms to every one.
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def converse(self, target, request):
        headers = {"User-Agent": "Watchpost-Webhook/1", "Host": target.authority, **self.settings.headers}
        headers.update(request.headers)
        if target.origin != self.settings.target.origin:
            # Nobody else gets what the user meant for one server.
            headers.pop("Authorization", None)
        headers.update(self.signature(request))
        self.connection.request(self.settings.method, target.path, body=request.body, headers=headers)
        response = self.connection.getresponse()
        body = response.read(MAX_ANSWER_BYTES)
        if not response.isclosed() and response.read(1):
            self.close()
        if response.will_close:
            self.close()
        return response.status, response.reason, response.headers, body

    def signature(self, request):
        """Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`. The time is that of this try: a server that refuses
        old ones cannot be sent a recorded request again."""
        now = str(int(time.time()))
        headers = {"webhook-id": request.identity, "webhook-timestamp": now}
        if self.settings.key:
            signed = b".".join([request.identity.encode(), now.encode(), request.body])
            digest = hmac.new(self.settings.key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
        return headers

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Overdue(Exception):
    pass


def overdue(*_):
    raise Overdue()


def redirected(target, location, status):
    """Where a redirect leads. From TLS it does not lead out of it."""
    try:
        found = Target(urllib.parse.urljoin(target.url, location) if location else "")
    except BadSettings:
        raise Refused("HTTP %d: redirected to %r, which is no address" % (status, location))
    if target.tls and not found.tls:
        raise Refused("HTTP %d: redirected from https to %s, which is not followed" % (status, location))
    return found


def retry_after(value):
    """Seconds (RFC 9110 section 10.2.3: a number, or a date)."""
    if value is None:
        return 0
    value = value.strip()
    if value.isdigit():
        seconds = int(value[:9])
    else:
        moment = email.utils.parsedate_tz(value)
        seconds = email.utils.mktime_tz(moment) - time.time() if moment else 0
    return min(max(seconds, 0), MAX_RETRY_AFTER_S)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, BrokenPipeError):
        # Nobody reads the answers any more: what is unanswered comes again.
        os._exit(TRY_LATER)

"""An S3 server with object lock: moto, and before it what moto leaves out.

Every request must carry a signature that botocore, which is Amazon's own, computes the same way, and a body must be
what its MD5 and SHA-256 say. On another port a test has
the server fail, lose answers, or damage what it keeps.

    server.py PORT CERTIFICATE KEY ACCESS_KEY SECRET_KEY CONTROL_PORT
"""

import base64
import datetime
import hashlib
import io
import sys
import threading
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import run_simple

port, certificate, key_file, access_key, secret_key, control_port = sys.argv[1:]
backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
moto = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()
# How many of the next requests of a method fail, and of how many the answer is lost.
fail, lose = {}, {}
log = []


def answer(start, status, code="", message=""):
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>" if code else ""
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body.encode()]


def is_signed(environ):
    query = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
    claims = dict(query)
    given = claims.get("X-Amz-Signature")
    if given is None:
        return False
    key, date, region, _, _ = claims["X-Amz-Credential"].split("/")
    time = datetime.datetime.strptime(claims["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    if key != access_key or abs((now - time).total_seconds()) > int(claims["X-Amz-Expires"]):
        return False
    headers = {}
    for name in claims["X-Amz-SignedHeaders"].split(";"):
        variable = name.upper().replace("-", "_")
        headers[name] = environ.get(variable if name == "content-type" else f"HTTP_{variable}", "")
    unsigned = [name for name in environ if name.startswith("HTTP_X_AMZ_")]
    if any(name[5:].lower().replace("_", "-") not in headers for name in unsigned):
        return False
    rest = urlencode([pair for pair in query if pair[0] != "X-Amz-Signature"], quote_via=quote, safe="")
    place = environ["RAW_URI"].split("?")[0]
    request = AWSRequest(environ["REQUEST_METHOD"], f"https://{environ['HTTP_HOST']}{place}?{rest}", headers)
    request.context["timestamp"] = claims["X-Amz-Date"]
    auth = S3SigV4QueryAuth(Credentials(access_key, secret_key), "s3", region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return auth.signature(text, request) == given


def control(environ, start):
    name = environ["PATH_INFO"].removeprefix("/")
    value = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    if name == "bucket":
        bucket = backend.create_bucket(value["name"], "us-east-1")
        if value.get("lock"):
            bucket.object_lock_enabled = True
            bucket.versioning_status = "Enabled"
    elif name in ("fail", "lose"):
        (fail if name == "fail" else lose)[value["method"]] = int(value["count"])
    elif name in ("alter", "cut", "unlock"):
        key = backend.buckets[value["bucket"]].keys[value["key"]]
        content = key.value
        if name == "alter":
            key.value = content[:-1] + bytes([content[-1] ^ 1])
        elif name == "cut":
            key.value = content[:-1]
        else:
            key.lock_mode = key.lock_until = None
    elif name == "replace":
        backend.put_object(value["bucket"], value["key"], b"another version")
    elif name == "log":
        body = "\n".join(log).encode()
        log.clear()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    return answer(start, "200 OK")


def application(environ, start):
    method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    shown = [name for name, _ in parse_qsl(query, keep_blank_values=True) if not name.startswith("X-Amz-")]
    log.append(f"{method} {path} {','.join(shown)} {len(body)}")
    if len(body) < int(environ.get("CONTENT_LENGTH") or 0):
        return answer(start, "400 Bad Request", "IncompleteBody", "the body ended early")
    if not is_signed(environ):
        return answer(start, "403 Forbidden", "SignatureDoesNotMatch", "the signature is not the one that belongs here")
    sums = {"HTTP_CONTENT_MD5": hashlib.md5, "HTTP_X_AMZ_CHECKSUM_SHA256": hashlib.sha256}
    for header, function in sums.items():
        given = environ.get(header)
        if given is not None and base64.b64encode(function(body).digest()).decode() != given:
            return answer(start, "400 Bad Request", "BadDigest", "the body is not what its sum says")
    with lock:
        if fail.get(method, 0) > 0:
            fail[method] -= 1
            return answer(start, "503 Service Unavailable", "SlowDown", "please come again")
        losing = lose.get(method, 0) > 0
        if losing:
            lose[method] -= 1
    environ["wsgi.input"] = io.BytesIO(body)
    if losing:
        list(moto(environ, lambda *_: None))
        return answer(start, "500 Internal Server Error", "InternalError", "the answer was lost")
    return moto(environ, start)


controlled = threading.Thread(target=run_simple, args=("127.0.0.1", int(control_port), control), daemon=True)
controlled.start()
run_simple("127.0.0.1", int(port), application, threaded=True, ssl_context=(certificate, key_file))

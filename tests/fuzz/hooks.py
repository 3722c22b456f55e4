"""What schemathesis cannot know: who may call, how HR signs, and what exists.

Drawn names of things are replaced by real ones most of the time; where a test wants a *wrong* name, it is left alone.
"""

import json
import os
import re
import time
import zlib

import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis.core.parameters import ParameterLocation
from standardwebhooks import Webhook

from datetime import datetime, timedelta, timezone
from urllib.parse import quote

STACK = json.loads(os.environ["OFFRAMP_FUZZ"])

RULES = [
    "true",
    'employee.department != "Contractors"',
    'employee.employee_id in ["E-7", "E-9"]',
    'has(employee.team) && employee.team.startsWith("F")',
]
HR_SIDE = re.compile(r"/(events|snapshots(/[^/]*(/complete|/pages/[^/]*)?)?)$")
ZONES = ["Etc/UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Santiago"]


# The last few that were opened.
SNAPSHOTS = []


class Credentials(AuthBase):
    """The admin's token; on HR's side the signature of what is really sent."""

    def __call__(self, request):
        if HR_SIDE.search(request.url.split("?")[0]):
            body = request.body or b""
            body = body.encode() if isinstance(body, str) else body
            at, name = datetime.now(timezone.utc), f"msg_{time.monotonic_ns()}"
            # The library signs text; what is no text has a signature of something else, and is refused.
            signed = body.decode("utf-8", "replace")
            right = {
                "webhook-id": name,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": Webhook(STACK["webhook_secret"]).sign(name, at, signed),
            }
            # One that is left out is left out on purpose.
            request.headers.update({header: value for header, value in right.items() if header in request.headers})
        else:
            request.headers["authorization"] = f"Bearer {STACK['admin_token']}"
        return request


schemathesis.auth.set_from_requests(Credentials())
# Tables by other names.
schemathesis.serializer.alias(["application/csv", "text/tab-separated-values"], "text/csv")


def whole(value):
    """With 3 for 3.0: JSON Schema calls both integers, and the API takes only the first for a count."""
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def draw(text, choices):
    """One of the choices, always the same for the same text."""
    return choices[zlib.crc32(repr(text).encode()) % len(choices)]


def things(path):
    """What the names in a path may stand for."""
    known = STACK["known"]
    if "/snapshots/{id}" in path and SNAPSHOTS:
        return known | {"id": SNAPSHOTS}
    if "/holds/{id}" in path:
        return known | {"id": known["hold"]}
    return known


def version(path):
    """That of a hold, which `*` does not do for; any, where there is no such hold."""
    hold = f"{STACK['url']}/v1/orgs/{path['org']}/holds/{quote(str(path['id']), safe='')}"
    answer = requests.get(hold, headers={"authorization": f"Bearer {STACK['admin_token']}"}, timeout=60)
    return answer.headers.get("ETag", "*")


@schemathesis.hook
def before_call(context, case, kwargs):
    right = lambda place: case.meta is None or not case.meta.is_negative_at(place)
    path = case.path_parameters
    if path and right(ParameterLocation.PATH):
        if "org" in path:
            path["org"] = STACK["org"]
        for name, known in things(case.operation.path).items():
            # One in five stays as it was drawn: there is no such thing.
            if name in path and zlib.crc32(repr(path[name]).encode()) % 5:
                path[name] = draw(path[name], known)
    if case.query and right(ParameterLocation.QUERY):
        # Cursors are opaque; run.py asks for bad ones.
        case.query.pop("cursor", None)
    if case.headers and "If-Match" in case.headers and right(ParameterLocation.HEADER):
        # One in five has a version that nobody has.
        if zlib.crc32(repr(case.headers["If-Match"]).encode()) % 5:
            case.headers["If-Match"] = version(path) if "/holds/" in case.operation.path else "*"
    if case.headers and "Idempotency-Key" in case.headers and right(ParameterLocation.HEADER):
        # One key for one request, else all but the first are refused.
        once = repr((case.operation.label, path, case.body))
        case.headers["Idempotency-Key"] = f"key-{zlib.crc32(once.encode())}"
    body = case.body
    if isinstance(body, dict) and right(ParameterLocation.BODY):
        case.body = body = whole(body)
        # An end can be moved within 45 days, and only admins and auditors have a login.
        if isinstance(body.get("due_at"), str):
            body["due_at"] = (datetime.now(timezone.utc) + timedelta(days=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if isinstance(body.get("login"), str):
            body["login"] = draw(body["login"], ["first@acme.example", "second@acme.example", "third@acme.example"])
            if case.operation.path.endswith("/login") and path:
                path["id"] = "E-1002"
            if body.get("role", "admin") == "member":
                del body["login"]
        # What a body repeats of its path.
        for field, name in (("snapshot_id", "id"), ("page", "n"), ("source", "source")):
            if field in body and name in (path or {}):
                body[field] = path[name]
        if isinstance(body.get("active"), str):
            body["active"] = draw(body["active"], RULES)
        if isinstance(body.get("time_zone"), str):
            body["time_zone"] = draw(body["time_zone"], ZONES)


@schemathesis.hook
def after_call(context, case, response):
    """Secrets change and snapshots are opened on the way; later requests know of it."""
    if response.status_code not in (200, 201) or "/sources/" not in case.operation.path:
        return
    answer = response.json()
    if answer.get("source") == STACK["source"] and answer.get("secret"):
        STACK["webhook_secret"] = answer["secret"]
    if response.status_code == 201 and "snapshot_id" in answer:
        SNAPSHOTS[:] = [*SNAPSHOTS[-4:], answer["snapshot_id"]]

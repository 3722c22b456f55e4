#!/usr/bin/env python3
"""Every route, as its OpenAPI document describes it, with arbitrary requests: schemathesis with all of its checks.

    pip install -r tests/fuzz/requirements.txt
    cargo build && python tests/fuzz/run.py

Starts a stack of its own. Then the examples of the document are held against its schemas, no route does anything
without a token, and no list takes a cursor that is not its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import jsonschema_rs
from standardwebhooks import Webhook

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete")


def check(holds, what, found=None):
    print(f"  {'ok  ' if holds else 'FAIL'}  {what}", flush=True)
    if not holds:
        sys.exit(f"\nIt does not hold: {what}\nFound: {json.dumps(found, indent=2, default=str)[:4000]}")


def ask(method, url, body=None, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method.upper())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as answer:
        return answer.code, json.loads(answer.read() or b"null")


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def deref(document, value):
    while "$ref" in value:
        where = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            where = where[part]
        value = where
    return value


def examples(document):
    """Every example is one of its schema."""
    count, wrong = 0, []

    def hold(schema, example, where):
        nonlocal count
        count += 1
        whole = {**schema, "components": document["components"]}
        validator = jsonschema_rs.validator_for(whole)
        wrong.extend(f"{where}: {error.message}" for error in validator.iter_errors(example))

    for path, method, operation in operations(document):
        where = f"{method.upper()} {path}"
        for parameter in operation.get("parameters", []):
            parameter = deref(document, parameter)
            if "example" in parameter:
                hold(parameter["schema"], parameter["example"], f"{where} {parameter['name']}")
        bodies = [(status, deref(document, answer)) for status, answer in operation["responses"].items()]
        bodies.append(("body", operation.get("requestBody", {})))
        for status, body in bodies:
            for kind in body.get("content", {}).values():
                said = [kind["example"]] if "example" in kind else []
                said += [example["value"] for example in kind.get("examples", {}).values()]
                if not said:
                    wrong.append(f"{where} {status}: no example")
                for example in said:
                    hold(kind["schema"], example, f"{where} {status}")
    check(not wrong, f"each of {count} examples is as its schema says", wrong)


def nothing_without_a_token(document, url, org):
    """401 from the gateway, whatever the token, on every route that needs one."""
    wrong, count = [], 0
    for path, method, operation in operations(document):
        if {"token": []} not in operation["security"]:
            continue
        path = path.replace("{org}", org).replace("{", "").replace("}", "")
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        for token in (None, "", "nonsense", "eyJhbGciOiJub25lIn0.e30."):
            count += 1
            status, answer = ask(method, url + path, body, token)
            if (status, answer) != (401, {"message": "Unauthorized"}):
                wrong.append([method, path, token, status, answer])
    check(not wrong, f"{count} requests without a token that is good are answered 401", wrong)


def strange_cursors(document, url, stack):
    """A list refuses a cursor that is not its own."""
    wrong, lists = [], 0
    user = stack["known"]["id"][0]
    for path, method, operation in operations(document):
        names = [deref(document, parameter)["name"] for parameter in operation.get("parameters", [])]
        if "cursor" not in names:
            continue
        lists += 1
        path = path.replace("{org}", stack["org"]).replace("{id}", user).replace("{source}", stack["source"])
        path = path.replace("{run}", stack["known"]["run"][0])
        for cursor in ("x", "AAAA", "A" * 2000, "%C3%A9", "", "bm9ib2R5J3MgY3Vyc29y"):
            status, answer = ask(method, f"{url}{path}?cursor={cursor}", token=stack["admin_token"])
            if status != 422 or answer["errors"][0]["pointer"] != "/cursor":
                wrong.append([path, cursor, status, answer])
    check(lists and not wrong, f"none of {lists} lists takes a strange cursor", wrong)


def known(url, stack):
    """What exists, for requests that are about something."""
    base, token = f"{url}/v1/orgs/{stack['org']}", stack["admin_token"]
    page = ask("get", f"{base}/users?limit=25", token=token)[1]["users"]
    # Not the admin who acts: nobody else could undo what is done to them.
    users = [user["employee_id"] for user in page if user["email"] != stack["admin_email"]]
    cards, objectives = [], []
    for user in users:
        cards += [card["card_id"] for card in ask("get", f"{base}/users/{user}/cards", token=token)[1]["cards"]]
        status, made = ask("post", f"{base}/users/{user}/objectives", {"title": "Open the office in Lyon"}, token)
        if status == 201:
            objectives.append(made["objective_id"])
    runs, holds = waves(url, stack)
    check(cards and objectives and runs and holds, "there is one of everything", [cards, objectives, runs, holds])
    things = {"card": cards, "objective": objectives, "source": [stack["source"]], "run": runs}
    return things | {"id": users, "hold": holds}


def waves(url, stack):
    """People come, one leaves, and then too many at once: the names of two runs, and of the hold that stopped the last."""
    base = f"{url}/v1/orgs/{stack['org']}"
    people = [f"F-{n}" for n in range(60)]
    for ids, status in ((people, "active"), (people[:1], "inactive"), (people[1:], "inactive")):
        now = datetime.now(timezone.utc)
        record = {"status": status, "name": "Somebody"}
        events = [{"occurred_at": now.isoformat(), "employee": {"employee_id": id, **record}} for id in ids]
        body = json.dumps({"events": events})
        name = f"msg_{ids[-1]}_{status}"
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(stack["webhook_secret"]).sign(name, now, body),
        }
        to = f"{base}/sources/{stack['source']}/events"
        with urllib.request.urlopen(urllib.request.Request(to, body.encode(), headers), timeout=60) as answer:
            check(answer.status == 200, f"{len(ids)} are {status}", answer.status)
    lists = [ask("get", f"{base}/{name}", token=stack["admin_token"])[1][name] for name in ("runs", "holds")]
    return [run["run_id"] for run in lists[0]], [hold["hold_id"] for hold in lists[1]]


def fuzz(url, stack):
    tool = Path(sys.executable).with_name("schemathesis")
    command = [tool, "--config-file", ROOT / "tests/fuzz/schemathesis.toml", "run", f"{url}/v1/openapi.json"]
    command += ["--url", url, *sys.argv[1:]]
    environment = {**os.environ, "OFFRAMP_FUZZ": json.dumps(stack)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def tell(url):
    _, stack = ask("get", f"{url}/_local")
    status, document = ask("get", f"{url}/v1/openapi.json")
    check(status == 200, "the document is served without a token", document)
    examples(document)
    stack["known"] = known(url, stack)
    stack["url"] = url
    nothing_without_a_token(document, url, stack["org"])
    strange_cursors(document, url, stack)
    status = fuzz(url, stack)
    check(status == 0, "schemathesis finds nothing", status)
    status, answer = ask("get", f"{url}/v1/orgs/{stack['org']}/users?limit=1", token=stack["admin_token"])
    check(status == 200, "the admin was let in to the end", answer)


def main():
    if url := os.environ.get("OFFRAMP_URL"):
        return tell(url.rstrip("/"))
    binary = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "offramp"
    with tempfile.TemporaryDirectory() as scratch:
        # Its own TMPDIR, so that `offramp send` still finds the stack that somebody works with.
        environment = {**os.environ, "TMPDIR": scratch, "RUST_LOG": "error"}
        command = [binary, "serve", "--port", "0"]
        stack = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            ready = next((line for line in stack.stdout if line.startswith("ready ")), None)
            check(ready, "a stack of our own is ready")
            tell(ready.split()[1])
        finally:
            stack.terminate()
            stack.wait(timeout=30)


if __name__ == "__main__":
    main()

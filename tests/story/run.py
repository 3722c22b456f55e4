#!/usr/bin/env python3
"""The whole story, over HTTP, by a client in another language (client.py) that signs with a public library.

One line for each thing that holds; the first that does not ends it with status 1.

    pip install -r tests/story/requirements.txt
    cargo build && python tests/story/run.py                      # starts a stack of its own, on any free port
    OFFRAMP_URL=http://127.0.0.1:8787 python tests/story/run.py   # uses one that runs: adds people, moves its clock
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import yaml

from client import Stack, check, instant, same

ROOT = Path(__file__).resolve().parents[2]


def delayed(stack, days):
    stack.sync(enabled=True, behaviour="delayed", delay_days=days).ok()
    who = stack.hire(f"Delayed{days}", cards=2)
    stack.wait("5m")
    stack.new_mails()
    said = stack.now()
    result = stack.says(stack.event(who, "inactive"), "scheduled", "HR says inactive: scheduled")
    due = instant(result["due_at"])
    check(abs(due - said - timedelta(days=days)) < timedelta(minutes=1), f"due in {days} x 24 hours", [said, due])
    stack.is_(who, "deactivation_scheduled", "revoked", 2, "access is gone at once, both cards are alive")
    user = stack.user(who)
    same(user["badge"], "Deactivation scheduled", "it has the badge")
    check(
        str(due.year) in user["banner"] and str(due.day) in user["banner"], "the banner names the date", user["banner"]
    )

    stack.wait("2m")
    mails = stack.new_mails()
    admins = Counter(to for mail in mails for to in mail["to"])
    same(
        [set(admins.values()), stack.admin_email in admins, user["email"] in admins],
        [{1}, True, False],
        "two minutes later: one mail to each admin, none to the person",
    )
    check(
        all(f"Delayed{days}" in mail["text"] and f"Delayed{days}" in mail["html"] for mail in mails),
        "it names the person",
        mails,
    )

    stack.wait(f"{days * 24 - 1}h")
    stack.is_(who, "deactivation_scheduled", "revoked", 2, "an hour before: as it was")
    stack.wait("1h")
    stack.is_(who, "deactivated", "revoked", 0, "at the hour: deactivated, no card alive")
    same(stack.cards(who), {"cancelled": 2}, "both cards are cancelled")
    stack.wait("3m")
    same(Counter(to for mail in stack.new_mails() for to in mail["to"]), admins, "each admin has one mail about it")


def immediate(stack):
    stack.sync(behaviour="immediate").ok()
    who = stack.hire("Immediate", cards=2)
    result = stack.says(stack.event(who, "inactive"), "deactivated", "HR says inactive: deactivated")
    check("due_at" not in result, "nothing is due", result)
    same(stack.access(who), "revoked", "access is gone when it answers")
    stack.in_a_moment(who, "deactivated", "revoked", 0, "cards are gone a moment later, without a timer")
    stack.sync(behaviour="delayed", delay_days=3).ok()


def reactivated(stack):
    who = stack.hire("Returning", cards=2)
    stack.says(stack.event(who, "inactive"), "scheduled", "scheduled")
    stack.wait("24h")
    stack.says(stack.event(who, "active"), "reactivated", "a day later HR says active: reactivated")
    stack.is_(who, "active", "granted", 2, "access is back, the cards never went")
    stack.wait("72h")
    stack.is_(who, "active", "granted", 2, "its timer had nothing to do")


def sync_off(stack):
    people = [stack.hire(f"Twelve{number:02}", cards=1) for number in range(12)]
    results = stack.deliver(*(stack.event(who, "inactive") for who in people))
    same([result["outcome"] for result in results], ["scheduled"] * 12, "twelve are scheduled")
    asked = stack.sync(confirm=False, enabled=False)
    same(
        [asked.status, asked.body["code"], asked.body["affected"]],
        [409, "confirmation_required", 12],
        "turning the sync off asks first, and says twelve",
    )
    same({user["employee_id"] for user in asked.body["users"]}, set(people), "it names them")
    same(stack.user(people[0])["status"], "deactivation_scheduled", "nothing has happened yet")
    wrong = stack.api("PATCH", "settings", {"deactivation_sync": {"enabled": False}, "confirmation": "yes"})
    same(wrong.status, 409, "a made-up confirmation is refused")
    done = stack.api(
        "PATCH", "settings", {"deactivation_sync": {"enabled": False}, "confirmation": asked.body["confirmation"]}
    )
    same([done.status, done.body["affected"]], [200, 12], "confirmed: it is off, and says whom it touched")
    for who in people:
        stack.is_(who, "active", "granted", 1, f"{who} is active at once")
    same(stack.sync(confirm=False, enabled=True).status, 200, "it is turned on again before their timers fire")
    stack.wait("73h")
    for who in people:
        stack.is_(who, "active", "granted", 1, f"three days later nobody touched {who}")


def deactivate_now(stack):
    who = stack.hire("Now", cards=2)
    done = stack.api("POST", f"users/{who}/deactivate-now")
    same(
        [done.status, done.body["status"], done.body["cards_cancelled"]],
        [200, "deactivated", 2],
        "deactivated, with both cards, before it answers",
    )
    stack.is_(who, "deactivated", "revoked", 0, "access and cards are gone")
    stack.says(stack.event(who, "active", team="Marketing"), "updated", "an HR edit after it, still active: updated")
    stack.is_(who, "deactivated", "revoked", 0, "an admin did it, so HR does not undo it")
    same(stack.user(who)["team"], "Marketing", "what HR says of the team is shown")


def duplicates(stack):
    for copies, workers, name in [(5, 1, "Fivefold"), (20, 20, "Twentyfold")]:
        who = stack.hire(name, cards=2)
        stack.wait("5m")
        stack.new_mails()
        entries = len(stack.history(who))
        body = json.dumps({"events": [stack.event(who, "inactive")]}).encode()
        headers = stack.sign(body)
        with ThreadPoolExecutor(workers) as pool:
            answers = list(pool.map(lambda _: stack.take(body, headers), range(copies)))
        outcomes = Counter(result["outcome"] for [result] in answers)
        how = "one after the other" if workers == 1 else "at once"
        same(
            outcomes,
            {"scheduled": 1, "unchanged": copies - 1},
            f"the same webhook {copies} times, {how}: scheduled once",
        )
        stack.is_(who, "deactivation_scheduled", "revoked", 2, "once is how it looks")
        same(len(stack.history(who)), entries + 1, "one entry in the history")
        stack.wait("3m")
        recipients = Counter(to for mail in stack.new_mails() for to in mail["to"])
        same(set(recipients.values()), {1}, "one mail to each admin")


def same_key(stack):
    who = stack.hire("Keyed")
    card, key = {"label": "Travel", "kind": "virtual", "last4": "0001"}, {"idempotency-key": who}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: stack.api("POST", f"users/{who}/cards", card, key), range(20)))
    same({answer.status for answer in answers}, {201}, "the same Idempotency-Key 20 times at once: each answered 201")
    same(len({answer.text for answer in answers}), 1, "all with the same card")
    stack.is_(who, "active", "granted", 1, "and there is one")


def out_of_order(stack):
    now = stack.now()
    at = lambda minutes: now + timedelta(minutes=minutes)
    who = stack.hire("Late")
    stack.deliver(stack.event(who, at=at(2), team="New"))
    stack.says(stack.event(who, "inactive", at=at(1), team="Old"), "stale", "an older event after a newer one: stale")
    same([stack.user(who)[field] for field in ("status", "team")], ["active", "New"], "and changes nothing")

    stack.says(stack.event(who, at=at(4), team="New"), "unchanged", "a newer event that says what is known: unchanged")
    stack.says(
        stack.event(who, "inactive", at=at(3), team="Old"), "stale", "and what is older than that is stale all the same"
    )
    same([stack.user(who)[field] for field in ("status", "team")], ["active", "New"], "and changes nothing")


def partial(stack):
    now, seen = stack.now(), []
    for name, order in [("Inorder", (0, 1)), ("Outoforder", (1, 0))]:
        who = stack.hire(name)
        events = [
            stack.event(who, at=now + timedelta(minutes=1), team="First", cost_centre="CC-1", department=None),
            stack.event(who, at=now + timedelta(minutes=2), team="Second", manager_id="boss"),
        ]
        for position in order:
            stack.says(events[position], "updated", f"event {position + 1} of 2: updated")
        user = stack.user(who)
        seen.append({field: user[field] for field in ("status", "team", "department", "cost_centre", "manager_id")})
    wanted = {"status": "active", "team": "Second", "department": None, "cost_centre": "CC-1", "manager_id": "boss"}
    same(seen, [wanted, wanted], "partial events end alike in either order")


def signatures(stack):
    who = stack.hire("Signed")
    before = stack.user(who)
    body = json.dumps({"events": [stack.event(who, "inactive")]}).encode()
    good = stack.sign(body)
    stranger = "whsec_" + base64.b64encode(b"somebody else's key, 32 bytes ..").decode()
    changed = body.replace(b"Z", b" Z", 1)
    forged = {
        "signed with another secret": (body, stack.sign(body, secret=stranger), {}),
        "another body": (changed, good, {}),
        "another id": (body, {**good, "webhook-id": "msg_other"}, {}),
        "another timestamp": (body, {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, {}),
        "another version of signatures": (
            body,
            {**good, "webhook-signature": good["webhook-signature"].replace("v1,", "v2,")},
            {},
        ),
        "no signature": (body, {}, {}),
        "an unknown source": (body, good, {"source": "nobody"}),
        "an unknown organisation": (body, good, {"org": "nobody"}),
    }
    for what, (sent, headers, where) in forged.items():
        answer = stack.post(sent, headers, **where)
        same([answer.status, answer.body["code"]], [401, "bad_signature"], f"refused: {what}")
    for what, seconds in [("five minutes old", -310), ("five minutes ahead", 310)]:
        answer = stack.post(body, stack.sign(body, at=stack.now() + timedelta(seconds=seconds)))
        same([answer.status, answer.body["code"]], [401, "timestamp_out_of_tolerance"], f"refused: {what}")
    same(stack.user(who), before, "nothing of this changed anybody")

    several = {**good, "webhook-signature": f"v1,{base64.b64encode(bytes(32)).decode()} {good['webhook-signature']}"}
    same(
        stack.take(body, several)[0]["outcome"],
        "scheduled",
        "several signatures, one of them good: taken",
    )
    stack.says(stack.event(who, "active"), "reactivated", "HR takes it back")
    same(stack.take(body, good)[0]["outcome"], "stale", "the old delivery, replayed: stale")
    stack.wait("6m")
    same(stack.post(body, good).body["code"], "timestamp_out_of_tolerance", "replayed after its five minutes: refused")
    stack.is_(who, "active", "granted", 0, "still active")


def five_thousand(stack):
    people = [f"{stack.run}-{number:04}" for number in range(5000)]
    at = stack.now()
    events = [stack.event(who, at=at, name=f"Person {who}", email=f"{who}@story.example") for who in people]
    begun = time.monotonic()
    results = stack.deliver(*events)
    took = time.monotonic() - begun
    same(
        [result["employee_id"] for result in results],
        people,
        f"5,000 events in one request: answered in their order ({took:.0f} s)",
    )
    check(
        {result["outcome"] for result in results} <= {"created", "unchanged"},
        "each is created",
        Counter(result["outcome"] for result in results),
    )
    same(
        {result["outcome"] for result in stack.deliver(*events)},
        {"unchanged"},
        "the same request again: 5,000 unchanged",
    )
    same(stack.user(people[4999])["status"], "active", "the last one is there")
    answer = stack.post(body := json.dumps({"events": [*events, events[0]]}).encode(), stack.sign(body))
    same([answer.status, answer.body["code"]], [413, "too_large"], "5,001 are too many")


def bad_record(stack):
    people = [f"{stack.run}-hundred-{number:03}" for number in range(101)]
    events = [stack.event(who, name=who, start_date="2026-02-28") for who in people]
    events[50]["employee"]["status"] = "sabbatical"
    events[51]["employee"]["start_date"] = "2026-02-30"
    results = stack.deliver(*events)
    same(
        [result["outcome"] for result in results],
        ["created"] * 50 + ["rejected"] + ["created"] * 50,
        "100 good records and one with an unknown status: the one is rejected",
    )
    check("status" in results[50]["reason"], f"it says why: {results[50]['reason']}", results[50])
    same([one["field"] for one in results[51]["warnings"]], ["start_date"], "a bad date costs nothing but itself")
    same(stack.api("GET", f"users/{people[50]}").status, 404, "nobody is made of it")


class Template(yaml.SafeLoader):
    """CloudFormation is YAML with tags of its own (`!Ref`, `!Sub`); here they are their plain values."""


def plain(loader, _, node):
    kind = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: loader.construct_sequence,
        yaml.MappingNode: loader.construct_mapping,
    }
    return kind[type(node)](node)


Template.add_multi_constructor("!", plain)


def admin_routes():
    """Every route of template.yaml that the API's authorizer guards, as (method, path)."""
    template = yaml.load((ROOT / "template.yaml").read_text(), Template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Route" and resource["Properties"]["AuthorizationType"] != "NONE":
            method, path = resource["Properties"]["RouteKey"].split(" ")
            # Anybody whose token is valid for the organisation may ask who they are.
            if not path.endswith("/me"):
                yield method, path


def strangers(stack):
    member, admin = stack.hire("Member", cards=1), stack.hire("Formeradmin")
    stack.api("PUT", f"users/{admin}/role", {"role": "admin"}).ok()
    revoked = stack.token(stack.user(admin)["email"])
    same(stack.api("GET", "settings", token=revoked).status, 200, "an admin's token is good while they are one")
    stack.api("POST", f"users/{admin}/deactivate-now").ok()
    card = stack.api("GET", f"users/{member}/cards").ok()["cards"][0]["card_id"]
    tokens = {
        "another organisation's": (stack.token("ada.okafor@acme.example", org=f"not-{stack.org}"), 403, "forbidden"),
        "a revoked admin's": (revoked, 403, "forbidden"),
        "a member's": (stack.token(stack.user(member)["email"]), 403, "forbidden"),
        "a tampered": (stack.admin[:-8] + "AAAAAAAA", 401, None),
        "no": (None, 401, None),
    }
    seen = lambda: [stack.user(member), *(stack.api("GET", path).body for path in ("settings", "sources"))]
    before = seen()
    routes = list(admin_routes())
    check(len(routes) >= 20, f"template.yaml has {len(routes)} admin routes")
    for method, path in routes:
        target, body = (
            path.format(org=stack.org, id=member, card=card, source=stack.source, objective="obj_1", run="run_1", name="nobody"),
            {} if method != "GET" else None,
        )
        for whose, (token, status, code) in tokens.items():
            answer = stack.http(method, target, body, token=token)
            same(
                [answer.status, answer.body.get("code")],
                [status, code],
                f"{status} with {whose} token: {method} {path}",
            )
    same(seen(), before, "nothing of this changed anything")


def without_safeguards(stack):
    """The story is of many leavers among few people; what the safeguards hold is told in tests/suite."""
    patch = {"safeguards": {"max_users": 5000, "max_percent": 100}}
    asked = stack.api("PATCH", "settings", patch)
    if asked.status == 409:
        stack.api("PATCH", "settings", {**patch, "confirmation": asked.body["confirmation"]}).ok()


def readme(stack):
    """The sample of README.md, as it is printed there, against a stack whose clock has been moved."""
    text = (ROOT / "README.md").read_text()
    [sample] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    sample = sample.replace("http://127.0.0.1:8787", stack.url)
    check(stack.url in sample, "README.md has one sample in Python, for the local stack")

    def prints(code):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        check(done.returncode == 0, "the sample runs", done.stderr)
        status, body = done.stdout.split(" ", 1)
        return int(status), json.loads(body)

    status, body = prints(sample)
    same([status, body["summary"]], [200, {"scheduled": 1}], "the sample sends a leaver, and prints the answer")
    stranger = base64.b64encode(b"somebody else's key, 32 bytes ..").decode()
    status, body = prints(sample.replace('stack["webhook_secret"]', f'"whsec_{stranger}"'))
    same([status, body["code"]], [401, "bad_signature"], "with another secret it prints the refusal")


def story(stack):
    without_safeguards(stack)
    stack.sync(enabled=False).ok()  # on a stack that was used before: nobody is scheduled
    stack.sync(enabled=True, behaviour="delayed", delay_days=3).ok()
    for title, chapter in [
        ("Delayed, three days", lambda stack: delayed(stack, 3)),
        ("Delayed, one day", lambda stack: delayed(stack, 1)),
        ("Immediate", immediate),
        ("Reactivated inside the delay", reactivated),
        ("The sync is turned off with twelve people scheduled", sync_off),
        ("Deactivated now", deactivate_now),
        ("The same webhook again", duplicates),
        ("The same card again", same_key),
        ("Older after newer", out_of_order),
        ("Partial events", partial),
        ("Forged, stale and replayed", signatures),
        ("Five thousand", five_thousand),
        ("A bad date among a hundred good ones", bad_record),
        ("Strangers on every admin route", strangers),
    ]:
        print(f"\n{title}", flush=True)
        chapter(stack)


def main():
    if url := os.environ.get("OFFRAMP_URL"):
        return story(Stack(url.rstrip("/")))
    binary = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "offramp"
    with tempfile.TemporaryDirectory() as scratch:
        # Its own TMPDIR, so that `offramp send` still finds the stack that somebody works with.
        command = [binary, "serve", "--port", "0"]
        stack = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "TMPDIR": scratch}, stdout=subprocess.PIPE, text=True
        )
        try:
            ready = next((line for line in stack.stdout if line.startswith("ready ")), None)
            check(ready, "a stack of our own is ready")
            own = Stack(ready.split()[1])
            story(own)
            print("\nThe sample of README.md", flush=True)
            readme(own)
        finally:
            stack.terminate()
            status = stack.wait(timeout=30)
        print("\nThe end", flush=True)
        same(status, 0, "the stack stops cleanly")
    print("\nThat is the story.")


if __name__ == "__main__":
    main()

"""A deployed stack as its clients know it, and the main job driven on it: from a webhook to a cancelled card and a mail."""

import json
import sys
import time
import urllib.parse
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "story"))

from client import Stack, check, instant, same  # noqa: E402

# A timer is precise to the minute, and what it missed is done by the sweep within seven.
LATE = timedelta(minutes=8)
# A digest goes one to three minutes after the change.
DIGEST = timedelta(minutes=5)
PEOPLE = 10


class Deployed(Stack):
    """Speaks to the API at `url`; `host` where that is not the address's own."""

    def __init__(self, url, org, admin, admin_email, host=None):
        self.url, self.org, self.host = url, org, host
        self.admin = self.service = admin
        self.admin_email = admin_email
        self.run = f"{int(time.time()):x}"
        self.source, self.secret = f"run-{self.run}", None

    def http(self, method, path, body=None, headers=None, token=None):
        host = {"host": self.host} if self.host else {}
        return super().http(method, path, body, {**host, **(headers or {})}, token)

    def now(self):
        return datetime.now(timezone.utc)

    def until(self, holds, within, what):
        """Asks again and again; how long it took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within.total_seconds():
                check(False, f"{what}, within {within}")
            time.sleep(2)
        check(True, f"{what}, after {time.monotonic() - began:.0f} s")


def story(stack, day, mails, dead_letters):
    """`day` is the length of a day of the grace period, or None where days are real: then there is no grace.

    `mails` gives the messages so far, or is None where nobody can look into the mailbox; `dead_letters` counts them.
    """
    doors(stack)
    first_admin(stack)
    people = [stack.hire(f"Person{number}") for number in range(PEOPLE)]
    check(len(set(people)) == PEOPLE, f"HR created {PEOPLE} people")
    if day:
        stack.sync(enabled=True, behaviour="delayed", delay_days=1).ok()
        grace(stack, day)
    else:
        print("  ..    days are real days on this stack, so it is told to deactivate at once", flush=True)
        stack.sync(enabled=True, behaviour="immediate").ok()
        immediate(stack)
    told(stack, mails, ["Leaver"])
    same(dead_letters(), 0, "no timer and no invocation was given up")


def doors(stack):
    same(stack.http("GET", "/healthz").status, 200, "the API answers")
    same(stack.http("GET", "/nowhere").status, 404, "a route that is not in the template is not there")
    users = f"/v1/orgs/{stack.org}/users"
    same(stack.http("GET", users).status, 401, "nobody gets in without a token")
    same(stack.http("GET", users, token=stack.admin[:-8] + "AAAAAAAA").status, 401, "nor with a forged one")
    same(stack.http("GET", "/v1/orgs/another/users", token=stack.admin).status, 403, "nor into another organisation")


def first_admin(stack):
    """A source, and the bearer of the token as an admin, whom the token's own bootstrap rights make one."""
    added = stack.api("POST", "sources", {"source": stack.source}).ok()
    stack.secret = added["secret"]
    stack.api("PATCH", f"sources/{stack.source}", {"state": "active"}).ok()
    forged = b'{"events":[]}'
    same(stack.post(forged, stack.sign(forged, "whsec_b2ZmcmFtcCBmb3JnZWQ=")).status, 401, "a forged webhook is refused")
    known = stack.api("GET", f"access?email={urllib.parse.quote(stack.admin_email)}").ok()
    if known["access"] != "granted":
        who = f"{stack.run}-admin"
        [created] = stack.deliver(stack.event(who, name="First Admin", email=stack.admin_email))
        same(created["outcome"], "created", "HR creates the first admin")
        stack.api("PUT", f"users/{who}/role", {"role": "admin"}).ok()
    known = stack.api("GET", f"access?email={urllib.parse.quote(stack.admin_email)}").ok()
    same(known["access"], "granted", "the first admin has access")


def grace(stack, day):
    who = stack.hire("Leaver", cards=2)
    back = stack.hire("Returner", cards=1)
    said = stack.now()
    result = stack.says(stack.event(who, "inactive"), "scheduled", "HR says inactive: scheduled")
    stack.says(stack.event(back, "inactive"), "scheduled", "and somebody else")
    due = instant(result["due_at"])
    check(abs(due - said - day) < timedelta(minutes=1), f"due in a day of {day}", [said, due])
    stack.is_(who, "deactivation_scheduled", "revoked", 2, "access is gone at once, both cards are alive")
    stack.says(stack.event(back, "active"), "reactivated", "the other is active again: reactivated")
    stack.until(lambda: stack.user(who)["status"] == "deactivated", due - stack.now() + LATE, "deactivated by its timer")
    check(stack.now() >= due, "and not before its time", [stack.now(), due])
    stack.until(lambda: stack.user(who)["active_cards"] == 0, LATE, "no card is alive")
    same(stack.cards(who), {"cancelled": 2}, "both cards are cancelled")
    by = {entry["by"].get("kind") for entry in stack.history(who) if entry["what"] == "deactivated"}
    same(by, {"deactivate"}, "it was the timer, and not the sweep")
    stack.is_(back, "active", "granted", 1, "who came back was not touched")


def immediate(stack):
    who = stack.hire("Leaver", cards=2)
    stack.says(stack.event(who, "inactive"), "deactivated", "HR says inactive: deactivated")
    stack.until(lambda: stack.user(who)["active_cards"] == 0, LATE, "no card is alive")
    same(stack.cards(who), {"cancelled": 2}, "both cards are cancelled")


def operations(functions, name, org):
    """An operation comes through the alias of its function, and no other way; `functions` is a client of Lambda."""
    asked = json.dumps({"offramp": "export", "org": org})
    answer = functions.invoke(FunctionName=f"{name}-apply:operator", Payload=asked)
    first = json.load(answer["Payload"])["lines"][0]
    same([first["kind"], first["org"]], ["export", org], "an export through the alias for operators")
    for past in (f"{name}-apply", f"{name}-apply:$LATEST"):
        answer = functions.invoke(FunctionName=past, Payload=asked)
        said = answer["Payload"].read().decode()
        check("FunctionError" in answer and "alias `operator`" in said, f"and none through {past}", said)


def timers(iam, cloudformation, name):
    """What IAM says that a timer may invoke: the function, and not its alias. `iam` and `cloudformation` are clients."""
    asked = {"StackName": name, "LogicalResourceId": "SchedulerRole"}
    role = cloudformation.describe_stack_resource(**asked)["StackResourceDetail"]["PhysicalResourceId"]
    role = iam.get_role(RoleName=role)["Role"]["Arn"]
    asked = {"StackName": name, "LogicalResourceId": "ApplyOperator"}
    alias = cloudformation.describe_stack_resource(**asked)["StackResourceDetail"]["PhysicalResourceId"]
    for arn, decision in ((alias.removesuffix(":operator"), "allowed"), (alias, "implicitDeny")):
        said = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=["lambda:InvokeFunction"], ResourceArns=[arn]
        )
        same(said["EvaluationResults"][0]["EvalDecision"], decision, f"of a timer that invokes {arn.split(':', 6)[-1]}")


def told(stack, mails, names):
    if mails is None:
        print(f"  ..    look into the mailbox of {stack.admin_email}: a digest must name {', '.join(names)}", flush=True)
        return

    def named(name):
        return [mail for mail in mails() if name in mail["text"] and mail["to"] == [stack.admin_email]]

    for name in names:
        stack.until(lambda: named(name), DIGEST, f"the admin is mailed about {name}")
    others = [mail for mail in mails() if mail["to"] != [stack.admin_email]]
    same(others, [], "and nobody else is mailed")

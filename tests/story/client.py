"""A client of Offramp: what an HR system sends, signed, and what an admin asks, with a token.

`Stack.sign` and `Stack.deliver` are all of an HR integration. The library is the public one of Standard Webhooks.
"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from datetime import datetime, timezone

from standardwebhooks import Webhook


def check(holds, what, found=None):
    """One thing that must be so."""
    print(f"  {'ok  ' if holds else 'FAIL'}  {what}", flush=True)
    if not holds:
        sys.exit(f"\nIt does not hold: {what}\nFound: {json.dumps(found, indent=2, default=str)}")


def same(found, wanted, what):
    check(found == wanted, what, {"found": found, "wanted": wanted})


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def rfc3339(at):
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body.decode()
        self.body = json.loads(body) if body else None

    def __repr__(self):
        return f"{self.status} {self.text[:1000]}"

    def ok(self):
        """The body of an answer that must be a success."""
        return self.body if 200 <= self.status < 300 else check(False, "a request succeeds", repr(self))


class Stack:
    """One running system, as a client knows it."""

    def __init__(self, url):
        self.url = url
        local = self.http("GET", "/_local").ok()
        self.org, self.source, self.secret = local["org"], local["source"], local["webhook_secret"]
        self.admin, self.admin_email, self.service = local["admin_token"], local["admin_email"], local["service_token"]
        self.run = uuid.uuid4().hex[:6]  # people of this run only, so that it can be run again on the same stack

    def http(self, method, path, body=None, headers=None, token=None):
        headers = dict(headers or {})
        if token:
            headers["authorization"] = f"Bearer {token}"
        if body is not None:
            headers["content-type"] = "application/json"
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as answer:
            return Answer(answer.code, answer.headers, answer.read())

    # -- HR's side: signed

    def sign(self, body, secret=None, at=None, id=None):
        """The headers of a delivery: who signs what, and when."""
        id, at = id or f"msg_{uuid.uuid4().hex}", at or self.now()
        signature = Webhook(secret or self.secret).sign(id, at, body.decode())
        return {"webhook-id": id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}

    def post(self, body, headers, org=None, source=None):
        return self.http("POST", f"/v1/orgs/{org or self.org}/sources/{source or self.source}/events", body, headers)

    def take(self, body, headers):
        """A signed delivery; 429 and 503 mean 'the same again, later'. The results, in the order of its events."""
        for _ in range(8):
            answer = self.post(body, headers)
            if answer.status not in (429, 503):
                break
            time.sleep(int(answer.headers["retry-after"]))
        return answer.ok()["results"]

    def deliver(self, *events):
        """Events, as an HR system sends them."""
        body = json.dumps({"events": events}).encode()
        return self.take(body, self.sign(body))

    def event(self, who, status="active", at=None, **fields):
        """What HR says of somebody. A field that is absent stays as it is; `None` clears it."""
        employee = {"employee_id": who, "status": status, **fields}
        return {"occurred_at": rfc3339(at or self.now()), "employee": employee}

    def hire(self, name, cards=0):
        """Somebody new, with so many cards."""
        who = f"{self.run}-{name.lower()}"
        email = f"{name.lower()}.{self.run}@story.example"
        [result] = self.deliver(self.event(who, name=name, email=email, team="Sales", department="Field"))
        check(result["outcome"] in ("created", "unchanged"), f"HR creates {name}", result)
        for number in range(cards):
            card = {"label": f"Card {number}", "kind": "virtual", "last4": f"{number:04}"}
            self.api("POST", f"users/{who}/cards", card, {"idempotency-key": f"{who}-{number}"}).ok()
        return who

    # -- the admins' side: a token

    def api(self, method, path, body=None, headers=None, token=None):
        return self.http(method, f"/v1/orgs/{self.org}/{path}", body, headers, token or self.admin)

    def user(self, who):
        return self.api("GET", f"users/{who}").ok()

    def access(self, who):
        return self.api("GET", f"users/{who}/access", token=self.service).ok()["access"]

    def cards(self, who):
        return Counter(card["status"] for card in self.api("GET", f"users/{who}/cards").ok()["cards"])

    def history(self, who):
        return self.api("GET", f"users/{who}/history").ok()["entries"]

    def sync(self, confirm=True, **changes):
        """Changes the settings of the sync; where it asks, says yes."""
        patch = {"deactivation_sync": changes}
        answer = self.api("PATCH", "settings", patch)
        if confirm and answer.status == 409:
            answer = self.api("PATCH", "settings", {**patch, "confirmation": answer.body["confirmation"]})
        return answer

    # -- the local stack's own: time, mails, tokens

    def now(self):
        return instant(self.http("GET", "/_local/clock").ok()["now"])

    def wait(self, by):
        return instant(self.http("POST", "/_local/clock", {"advance": by}).ok()["now"])

    def new_mails(self):
        mails = self.http("GET", "/_local/mail").ok()["messages"]
        self.http("DELETE", "/_local/mail")
        return mails

    def token(self, email, org=None):
        return self.http("POST", "/_local/token", {"subject": email, "org": org or self.org}).ok()["token"]

    # -- what is asked often

    def is_(self, who, status, access, cards, what):
        """Status, access and cards that are not cancelled: by the user, by the login page's question, by the list."""
        user, alive = self.user(who), self.cards(who)
        found = [
            user["status"],
            user["access"],
            self.access(who),
            user["active_cards"],
            alive["active"] + alive["frozen"],
        ]
        same(found, [status, access, access, cards, cards], what)

    def in_a_moment(self, who, status, access, cards, what):
        """The same, once the table's stream has handed over what is left: within seconds, and no clock moves."""
        for _ in range(50):
            if self.user(who)["active_cards"] == cards:
                break
            time.sleep(0.1)
        self.is_(who, status, access, cards, what)

    def says(self, event, outcome, what):
        """One event, which must come to this; its result."""
        [result] = self.deliver(event)
        same(result["outcome"], outcome, what)
        return result

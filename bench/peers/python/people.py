"""What HR's events come to for people who are active; pure."""

import copy
import hashlib
from datetime import datetime, timedelta, timezone

FIELDS = ("name", "email", "team", "department", "cost_centre", "manager_id", "start_date", "birthday", "leave_date")
LEFT_OUT = {"pending", "reopening", "leave", "held", "hold"}  # what else a user may be in the middle of
SHOWN = ("employee_id", "outcome", "due_at", "reason")


def parsed(at):
    return datetime.fromisoformat(at)


def instant(at):
    """An instant as the table has it: as many digits as it needs."""
    digits = "microseconds" if at.microsecond % 1000 else "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(timezone.utc).isoformat(timespec=digits).replace("+00:00", "Z")


def parse(event):
    said = event["employee"]
    if not isinstance(said["employee_id"], str) or said["status"] not in ("active", "inactive"):
        raise ValueError("an event has an employee_id, and a status that is active or inactive")
    fields = {field: said[field] for field in FIELDS if field in said}
    return {
        "id": event.get("id", ""),
        "at": instant(parsed(event["occurred_at"])),
        "employee_id": said["employee_id"],
        "status": said["status"],
        "fields": fields,
    }


def policy(stored):
    """The policy, with what holds where nobody has set anything."""
    sync = {"enabled": True, "behaviour": "delayed", "delay_days": 3}
    safeguards = {"max_users": 50, "max_percent": 20, "window_hours": 24}
    return {"epoch": 0, "settings": {"deactivation_sync": sync, "safeguards": safeguards}, **stored}


def decide(event, user, source, policy, admins):
    """An event's outcome, with the user after it where something is to be written."""

    def outcome(word, after=None, reason=None):
        said = {"employee_id": event["employee_id"], "outcome": word, "reason": reason}
        return {**said, "event": event, "before": user, "after": after}

    if not user or user["origin"] != {"source": source}:
        return outcome("rejected", reason="the source does not know this employee")
    record, at = user["hr"], parsed(event["at"])
    if fingerprint(event) in record["seen"].get(event["at"], []):
        newer = [record["status"], *record["fields"].values()]
        return outcome("stale" if any(at < parsed(one["at"]) for one in newer) else "unchanged")
    merged, changed, mutation = merge(record, event)
    if merged is None:
        return outcome("stale")
    state = user["lifecycle"]["state"]
    if state not in (["active"] if changed else ["active", "scheduled"]) or user.keys() & LEFT_OUT:
        return outcome("rejected", reason="people who are not plainly active are left out")
    after = {**user, "hr": merged, "rev": user["rev"] + 1}
    if not changed:
        return outcome("unchanged", after)
    after["version"] += 1
    after["profile"] = shown(user["profile"], merged)
    if event["status"] == "active" or not mutation:
        return outcome("updated", after)
    sync = policy["settings"]["deactivation_sync"]
    if not sync["enabled"] or sync["behaviour"] != "delayed" or event["employee_id"] in admins:
        return outcome("rejected", reason="admins, and leavers without a grace period, are left out")
    return outcome("scheduled", after)


def merge(record, event):
    """The last writer wins, field by field: the record, whether a value is another, and whether a known one is."""
    merged, at = copy.deepcopy(record), parsed(event["at"])
    taken = changed = mutation = False
    if at >= parsed(record["status"]["at"]):
        taken = True
        changed = mutation = record["status"]["value"] != event["status"]
        merged["status"] = {"at": event["at"], "value": event["status"]}
    for field, value in event["fields"].items():
        known = record["fields"].get(field)
        if known and at < parsed(known["at"]):
            continue
        taken = True
        merged["fields"][field] = {"at": event["at"], "value": value}
        if (known["value"] if known else None) != value:
            changed, mutation = True, mutation or known is not None
    if not taken:
        return None, False, False
    merged["seen"].setdefault(event["at"], []).append(fingerprint(event))
    alive = {merged["status"]["at"], *(one["at"] for one in merged["fields"].values())}
    merged["seen"] = {at: hashes[-16:] for at, hashes in merged["seen"].items() if at in alive}
    return merged, changed, mutation


def shown(profile, record):
    values = {field: one["value"] for field, one in record["fields"].items()}
    return {field: value for field, value in {**profile, **values}.items() if value is not None}


def fingerprint(event):
    """Tells a replay from another statement of the same instant."""
    parts = part(event["id"]) + part(event["status"])
    for field in FIELDS:
        if field in event["fields"]:
            value = event["fields"][field]
            parts += part(field) + (b"\xff" if value is None else part(value))
    return hashlib.sha256(parts).hexdigest()[:24]


def part(value):
    value = value.encode()
    return len(value).to_bytes(8, "big") + value


def schedule(org, one, run, policy, now, day):
    """Plans the end of the grace period, and gives its timer."""
    user, person = one["after"], one["employee_id"]
    due = (now + day * policy["settings"]["deactivation_sync"]["delay_days"]).replace(microsecond=0)
    one["due_at"] = instant(due)
    user["generation"] += 1
    plan = {"cause": "hr", "at": instant(now), "due_at": one["due_at"], "epoch": policy["epoch"], "run": run}
    user["lifecycle"] = {"state": "scheduled", **plan}
    about = {"employee_id": person, "generation": user["generation"]}
    user["notice"] = {"minute": minute(now), "kind": "scheduled", **about}
    timer = {"kind": "deactivate", "org": org, **about, "due": one["due_at"]}
    return named(timer, "TERMINATE_ARN", due, part(org) + part(person) + part(str(user["generation"])))


def digest(org, now):
    """The timer of the mail about this minute."""
    timer = {"kind": "digest", "org": org, "minute": minute(now)}
    return named(timer, "NOTIFY_ARN", parsed(minute(now)) + timedelta(minutes=2), part(org))


def named(timer, target, due, parts):
    name = f"{timer['kind']}-{hashlib.sha256(parts).hexdigest()[:32]}-{int(due.timestamp())}"
    return {"name": name, "target": target, "due": instant(due), "input": timer}


def minute(at):
    return instant(at.replace(second=0, microsecond=0))

"""Items as the table has them: what an index looks at, and the JSON of the rest in `data`. Keys as in
shared/aws/src/keys.rs."""

import hashlib
import json
import os
import time
import uuid
from datetime import timedelta

from people import FIELDS, instant, minute, parsed

TABLE = os.environ["TABLE_NAME"]
STATUS = {"active": "active", "scheduled": "deactivation_scheduled"}


def key(pk, sk):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def shard(of, shards=8):
    return hashlib.sha256(of.encode()).digest()[0] % shards


def item(pk, sk, data, indexes=None, **attributes):
    found = {}
    for name, (index_pk, index_sk) in (indexes or {}).items():
        found |= {f"{name}_pk": {"S": index_pk}, f"{name}_sk": {"S": index_sk}}
    return {**key(pk, sk), "v": {"N": "1"}, "data": {"S": text(data)}, **attributes, **found}


def put(of, rev=None):
    """A put; where `rev` is the one before, of an item that nobody else has written since."""
    if rev is None:
        return {"TableName": TABLE, "Item": of}
    if rev == 0:
        return {"TableName": TABLE, "Item": of, "ConditionExpression": "attribute_not_exists(pk)"}
    values = {":rev": {"N": str(rev)}}
    return {"TableName": TABLE, "Item": of, "ConditionExpression": "rev = :rev", "ExpressionAttributeValues": values}


def work(org, of, due):
    return f"W#{shard(f'{org}#{of}', 16)}", instant(due.replace(microsecond=0))


def change(org, source, one, now):
    """What one decision writes: the user, the entry of the history, and what the admins are told."""
    before, after, event = one["before"], one["after"], one["event"]
    puts = [put(user_item(org, source, after), before["rev"])]
    if one["outcome"] == "unchanged":
        return puts
    person, version, at = one["employee_id"], after["version"], instant(now)
    by = {"actor": "hr", "source": source, "occurred_at": event["at"]}
    if event["id"]:
        by["event_id"] = event["id"]
    fields = [field for field in FIELDS if before["profile"].get(field) != after["profile"].get(field)]
    entry = {"version": version, "at": at, "by": by, "what": one["outcome"], "from": "active"}
    entry["to"] = STATUS[after["lifecycle"]["state"]]
    if one["outcome"] == "scheduled":
        entry |= {"due_at": one["due_at"], "cause": "hr"}
    if fields:
        entry["fields"] = fields
    what = f"{person}#{version}"
    audit = f"O#{org}#A#{now:%Y-%m-%d}#{shard(what)}", f"{now:%Y-%m-%dT%H:%M:%S.%f}000Z#{what}"
    puts.append(put(item(f"O#{org}#U#{person}", f"H#{version:012}", entry, {"audit": audit})))
    if one["outcome"] == "scheduled":
        about = {"employee_id": person, "name": after["profile"].get("name"), "generation": after["generation"]}
        cards = {"due_at": one["due_at"], "active_cards": after["active_cards"]}
        notice = {"at": at, "kind": "scheduled", "cause": "hr", **cards, **about}
        sk = f"{minute(now)}#scheduled#{after['generation']}#{person}"
        due = parsed(minute(now)) + timedelta(minutes=2)
        puts.append(put(item(f"O#{org}#N#{shard(person)}", sk, notice, {"work": work(org, person, due)})))
    return puts


def user_item(org, source, user):
    person, profile = user["employee_id"], user["profile"]
    status, mine = STATUS[user["lifecycle"]["state"]], shard(person)
    indexes = {
        "people": (f"O#{org}#P#{status}#{mine}", f"{profile.get('name', person).lower()[:400]}\x1f{person}"),
        "ids": (f"O#{org}#I#{mine}", f"{person.lower()}\x1f{person}"),
        "roster": (f"O#{org}#ROSTER#{source}#{shard(person, 16)}", person),
    }
    if email := profile.get("email", "").lower():
        indexes["mail"] = (f"O#{org}#M#{shard(email)}", f"{email}\x1f{person}")
    if (status, user["hr"]["status"]["value"]) != ("active", "active"):
        indexes["drift"] = (f"O#{org}#X#{mine}", person)
    if "leave_date" in profile:
        indexes["leaving"] = (f"O#{org}#LD#{mine}", f"{profile['leave_date']}\x1f{person}")
    if "birthday" in profile:
        indexes["birthdays"] = (f"O#{org}#{profile['birthday']}#{mine}", person)
    if "start_date" in profile:
        indexes["starts"] = (f"O#{org}#{profile['start_date'][5:]}#{mine}", person)
    if "due_at" in user["lifecycle"]:
        indexes["work"] = work(org, person, parsed(user["lifecycle"]["due_at"]))
    return item(
        f"O#{org}#U#{person}",
        "U",
        user,
        indexes,
        rev={"N": str(user["rev"])},
        generation={"N": str(user["generation"])},
        terminating={"BOOL": False},
        closing={"BOOL": False},
        print={"B": roster_print(user)},
    )


def roster_print(user):
    """A few bytes of each field that HR has sent, for snapshots to compare with: never sent, cleared, or a hash."""
    state, word, sent = user["lifecycle"]["state"], user["hr"]["status"]["value"], user["hr"]["fields"]
    hashes = [hashed(sent[field]["value"]) if field in sent else b"\x00" * 5 for field in FIELDS]
    return f"{state[0]}\x01{word[0]}".encode() + b"".join(hashes)


def hashed(value):
    return b"\xff" * 5 if value is None else hashlib.sha256(value.encode()).digest()[:5]


def admitted(org, source, breaker, policy, people, now):
    """Takes a place in the window of the breaker for each: the name of the run and what to write, or neither."""
    limits, base = policy["settings"]["safeguards"], breaker.get("base")
    window = breaker.get("window", "")
    places = {window[at : at + 10]: int(window[at + 10 : at + 18], 16) for at in range(0, len(window), 18)}
    since = now.timestamp() - limits["window_hours"] * 3600
    places = {who: at for who, at in places.items() if at > since}
    active = base and base["active"] + sum(at <= parsed(base["at"]).timestamp() for at in places.values())
    for person in people:
        places.setdefault(hashlib.sha256(person.encode()).hexdigest()[:10], int(now.timestamp()))
    too_many = len(places) > limits["max_users"]
    too_large = bool(active) and active >= 20 and len(places) * 100 > limits["max_percent"] * active
    if breaker.get("hold") or too_many or too_large:
        return None, []
    at, run = instant(now), f"run_{time.time_ns() // 10**6:012x}{uuid.uuid4().hex[12:]}"
    after = {**breaker, "window": "".join(f"{who}{at:08x}" for who, at in places.items()), "rev": breaker["rev"] + 1}
    look_at = after.setdefault("look_at", at)
    rev, indexes = {"N": str(after["rev"])}, {"work": work(org, f"source#{source}", parsed(look_at))}
    expires = {"N": str(int(now.timestamp()) + 400 * 86400)}
    roll = {"seq": 1, "at": at, "people": people}
    ran = {"run": run, "kind": "delivery", "source": source, "at": at, "people": len(people)}
    return run, [
        put(item(f"O#{org}#ROLL#{run}", f"R#{1:012}#{uuid.uuid4().hex}#{0:06}", roll, expires=expires)),
        put(item(f"O#{org}#B#{source}", "B", after, indexes, rev=rev), breaker["rev"]),
        put(item(f"O#{org}#RUNS", run, ran), 0),
    ]


def beaten(org, source, pulse, now):
    """The pulse after a delivery; an hour's deliveries are one."""
    after = {**pulse, "last_at": instant(now), "rev": pulse["rev"] + 1}
    since = pulse.get("gap_from")
    if since is None or now >= parsed(since) + timedelta(hours=1):
        gaps = pulse["gaps"] + ([int((now - parsed(since)).total_seconds())] if since else [])
        after |= {"gaps": gaps[-100:], "gap_from": instant(now)}
    back = after.get("told") == "silent"
    indexes = {"work": work(org, f"source#{source}", now)} if back else {}
    rev = {"N": str(after["rev"])}
    return put(item(f"O#{org}#B#{source}", "PULSE", after, indexes, rev=rev), pulse["rev"])

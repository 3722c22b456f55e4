"""HR events come in, signed: what functions/hr-sync does, on the same table, as one would write it with boto3."""

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

import people
from table import TABLE, admitted, beaten, change, key, text

CONFIG = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=1, read_timeout=3)
DAY = timedelta(seconds=int(os.environ.get("DAY_SECONDS", "86400")))
MINUTE = timedelta(minutes=1)

dynamodb = boto3.client("dynamodb", config=CONFIG)
kms = boto3.client("kms", config=CONFIG)
scheduler = boto3.client("scheduler", config=CONFIG)
pool = ThreadPoolExecutor(8)
secrets = {}  # opened ones, by their ciphertext
heard = {}  # when the pulse of a source was last looked at


def handler(event, _context):
    org, source = event["pathParameters"]["org"], event["pathParameters"]["source"]
    body = base64.b64decode(event["body"]) if event.get("isBase64Encoded") else event["body"].encode()
    if len(body) > 4 * 1024 * 1024:
        return problem(413, "too_large", "the body is larger than 4 MiB")
    try:
        if not authentic(org, source, body, event["headers"]):
            return problem(401, "bad_signature", "the signature is not good, or the source not active")
        try:
            delivery = json.loads(body)
            events = [people.parse(event) for event in delivery["events"]]
        except (KeyError, TypeError, ValueError) as error:
            return problem(400, "malformed_json", f"not a delivery: {error}")
        if delivery.get("dry_run") or len({event["employee_id"] for event in events}) < len(events):
            return problem(422, "invalid", "dry runs, and two events of one employee in a delivery, are left out")
        answer = take(org, source, events)
        beat(org, source)
        return reply(200, "application/json", answer)
    except ClientError as error:
        print(error)
        return problem(503, "unavailable", "Nothing is lost; try again.")


def authentic(org, source, body, headers):
    known = read(key(f"O#{org}", f"SOURCE#{source}"))
    if not known or known["state"] != "active":
        return False
    for secret in known["secrets"]:
        try:
            Webhook(opened(org, source, secret)).verify(body, headers, json_parse=False)
            return True
        except (WebhookVerificationError, ValueError):
            continue
    return False


def opened(org, source, secret):
    sealed = secret["sealed"]
    if sealed not in secrets:
        secrets[sealed] = kms.decrypt(
            KeyId=os.environ["SECRETS_KEY_ARN"],
            CiphertextBlob=base64.b64decode(sealed),
            EncryptionContext={"organisation": org, "source": source, "version": str(secret["version"])},
        )["Plaintext"]
    return secrets[sealed]


def take(org, source, events):
    now = datetime.now(timezone.utc)
    policy, admins, users = load(org, source, sorted({event["employee_id"] for event in events}))
    results = [people.decide(event, users.get(event["employee_id"]), source, policy, admins) for event in events]
    leavers = [one for one in results if one["outcome"] == "scheduled"]
    run = admit(org, source, policy, leavers, now) if leavers else None
    if run:
        timers = [people.schedule(org, one, run, policy, now, DAY) for one in leavers]
        together(arm, [people.digest(org, now), *timers])
    plain = [one for one in results if one["outcome"] == "updated"]
    alone = [one for one in results if one["outcome"] in ("scheduled", "unchanged") and one["after"]]
    writes = [change(org, source, one, now) for one in alone]
    if plain:
        writes.append([put for one in plain for put in change(org, source, one, now)])
    together(write, writes)
    shown = [{name: one[name] for name in people.SHOWN if one.get(name)} for one in results]
    words = [one["outcome"] for one in shown]
    answer = {"results": shown, "summary": {word: words.count(word) for word in sorted(set(words))}}
    return {**answer, "run_id": run} if run else answer


def load(org, source, ids):
    keys = [key(f"O#{org}#U#{person}", "U") for person in ids]
    keys += [key(f"O#{org}", "SETTINGS"), key(f"O#{org}", "ADMINS"), key(f"O#{org}#B#{source}", "B")]
    asked, items = {TABLE: {"Keys": keys, "ConsistentRead": True}}, []
    while asked:
        page = dynamodb.batch_get_item(RequestItems=asked)
        items += page["Responses"].get(TABLE, [])
        asked = page.get("UnprocessedKeys")
    found = {(item["pk"]["S"], item["sk"]["S"]): item for item in items}
    users = [json.loads(item["data"]["S"]) for (_, sk), item in found.items() if sk == "U"]
    settings, admins = found.get((f"O#{org}", "SETTINGS")), found.get((f"O#{org}", "ADMINS"), {})
    policy = people.policy(json.loads(settings["data"]["S"]) if settings else {})
    return policy, admins.get("ids", {}).get("SS", []), {user["employee_id"]: user for user in users}


def admit(org, source, policy, leavers, now):
    """Asks the breaker for all who leave; where it says no, nobody does, and the hold that ours opens is left out."""
    breaker = read(key(f"O#{org}#B#{source}", "B")) or {"rev": 0}
    run, puts = admitted(org, source, breaker, policy, [one["employee_id"] for one in leavers], now)
    if not run:
        for one in leavers:
            one.update(outcome="rejected", reason="a safeguard stopped it")
        return None
    if not read(key(f"O#{org}#RUNS", run)):
        write(puts)
    return run


def beat(org, source):
    """Writes down that the source has spoken, at most once a minute."""
    now = datetime.now(timezone.utc)
    if (org, source) in heard and now < heard[org, source] + MINUTE:
        return
    try:
        pulse = read(key(f"O#{org}#B#{source}", "PULSE")) or {"gaps": [], "rev": 0}
        if "last_at" not in pulse or now >= people.parsed(pulse["last_at"]) + MINUTE:
            dynamodb.put_item(**beaten(org, source, pulse, now))
        heard[org, source] = now
    except ClientError as error:
        print(error)


def read(item_key):
    item = dynamodb.get_item(TableName=TABLE, Key=item_key, ConsistentRead=True).get("Item")
    return json.loads(item["data"]["S"]) if item else None


def write(puts):
    if len(puts) == 1:
        dynamodb.put_item(**puts[0])
    else:
        dynamodb.transact_write_items(TransactItems=[{"Put": put} for put in puts])


def arm(timer):
    try:
        scheduler.create_schedule(
            GroupName=os.environ["SCHEDULE_GROUP"],
            Name=timer["name"],
            ScheduleExpression=f"at({timer['due'].rstrip('Z')})",
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": os.environ[timer["target"]],
                "RoleArn": os.environ["SCHEDULE_ROLE_ARN"],
                "Input": text(timer["input"]),
                "DeadLetterConfig": {"Arn": os.environ["TIMER_DEAD_LETTER_ARN"]},
                "RetryPolicy": {"MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 21600},
            },
        )
    except scheduler.exceptions.ConflictException:
        pass  # It stands already.


def together(work, jobs):
    if len(jobs) == 1:
        work(jobs[0])
    else:
        list(pool.map(work, jobs))


def problem(status, code, detail):
    body = {"type": f"urn:offramp:problem:{code}", "status": status, "code": code, "detail": detail}
    return reply(status, "application/problem+json", body)


def reply(status, kind, body):
    return {"statusCode": status, "headers": {"content-type": kind, "cache-control": "no-store"}, "body": text(body)}

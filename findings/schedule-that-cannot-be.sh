#!/usr/bin/env bash
# Guess:   a schedule for 30 February, or in the time zone Europe/Atlantis, is refused by the linter or by the emulator.
# So:      by none of three. cfn-lint 1.58.0, moto 5.2.5 and MiniStack 1.5.33 (all PyPI) take any text as the expression
#          of AWS::Scheduler::Schedule, "tomorrow" too, and any zone. In an older AWS::Events::Rule cfn-lint finds as
#          little as a plural too much: rate(1 minutes).
# Matters: EventBridge Scheduler answers ValidationException. A timer whose date is built wrongly passes every test, and
#          the leaver's deactivation cannot be scheduled.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${emulator:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cfn-lint==1.58.0 ministack==1.5.33 "moto[scheduler]==5.2.5"
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env -i PATH="$PATH" HOME="$work" TMPDIR="$work" BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" IOT_MTLS_ENABLED=0 \
  SFTP_ENABLED=0 venv/bin/python -m ministack >log 2>&1 &
emulator=$!
cat >run.py <<'PY'
import json
import os
import subprocess
import sys
import time
import urllib.request

os.environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
import boto3
from moto import mock_aws

SCHEDULES = [
    ("tomorrow", "UTC"),
    ("at(2030-02-30T09:00:00)", "UTC"),
    ("rate(0 minutes)", "UTC"),
    ("at(2030-03-05T09:00:00)", "Europe/Atlantis"),
]
TARGET = {
    "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:terminate",
    "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
}


def properties(expression, zone):
    return {
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": TARGET,
    }


def linted(kind, wanted):
    resources = {f"R{number}": {"Type": kind, "Properties": one} for number, one in enumerate(wanted)}
    with open("template.json", "w") as file:
        json.dump({"Resources": resources}, file)
    command = ["venv/bin/cfn-lint", "--format", "json", "--regions", "eu-central-1", "--template", "template.json"]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    return [f"{one['Rule']['Id']} {one['Message']}" for one in found]


def taken(url=None):
    scheduler = boto3.client("scheduler", endpoint_url=url)
    for number, schedule in enumerate(SCHEDULES):
        scheduler.create_schedule(Name=f"timer-{number}", **properties(*schedule))
    return [(one["ScheduleExpression"], one["ScheduleExpressionTimezone"]) for one in (
        scheduler.get_schedule(Name=f"timer-{number}") for number in range(len(SCHEDULES))
    )]


of_rule = linted("AWS::Events::Rule", [{"ScheduleExpression": "rate(1 minutes)"}])
print("cfn-lint, a rule:    ", of_rule)
assert len(of_rule) == 1 and of_rule[0].startswith("E3027"), of_rule
of_schedules = linted("AWS::Scheduler::Schedule", [properties(*one) for one in SCHEDULES])
print("cfn-lint, schedules: ", of_schedules)
assert of_schedules == [], of_schedules
with mock_aws():
    moto = taken()
print("moto took:           ", moto)
assert moto == SCHEDULES, moto
url = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(300):
    try:
        urllib.request.urlopen(f"{url}/_ministack/health", timeout=5)
        break
    except OSError:
        time.sleep(0.2)
ministack = taken(url)
print("MiniStack took:      ", ministack)
assert ministack == SCHEDULES, ministack
PY
venv/bin/python run.py "$port"
echo "cfn-lint 1.58.0, moto 5.2.5, MiniStack 1.5.33: as stated"

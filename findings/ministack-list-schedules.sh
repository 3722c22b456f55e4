#!/usr/bin/env bash
# Guess:   ListSchedules answers with a NextToken when there are more schedules than it lists.
# So:      MiniStack 1.5.33 (PyPI) lists MaxResults of them, 100 if it is not given, and never gives a NextToken. A
#          paginator ends there: of 130 timers 100 are seen, or 50 with a page size of 50.
# Matters: a sweep that compares timers with the people in their grace period finds some missing that are there, and
#          arms them again, or leaves some that nobody needs.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${emulator:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env -i PATH="$PATH" HOME="$work" TMPDIR="$work" BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" IOT_MTLS_ENABLED=0 \
  SFTP_ENABLED=0 venv/bin/python -m ministack >log 2>&1 &
emulator=$!
cat >run.py <<'PY'
import os
import sys
import time
import urllib.request

os.environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
import boto3

url = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(300):
    try:
        urllib.request.urlopen(f"{url}/_ministack/health", timeout=5)
        break
    except OSError:
        time.sleep(0.2)
scheduler = boto3.client("scheduler", endpoint_url=url)
for number in range(130):
    scheduler.create_schedule(
        Name=f"deactivate-{number:03}",
        ScheduleExpression="at(2030-03-05T09:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:terminate",
            "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
        },
    )


def seen(**options):
    pages = scheduler.get_paginator("list_schedules").paginate(**options)
    return sum(len(page["Schedules"]) for page in pages)


found = {"made": 130, "listed": seen(), "listed in pages of 50": seen(PaginationConfig={"PageSize": 50})}
print(found)
assert found == {"made": 130, "listed": 100, "listed in pages of 50": 50}, found
scheduler.get_schedule(Name="deactivate-129")
PY
venv/bin/python run.py "$port"
echo "MiniStack 1.5.33: as stated"

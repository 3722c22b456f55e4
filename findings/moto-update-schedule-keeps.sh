#!/usr/bin/env bash
# Guess:   UpdateSchedule gives each optional field that is left out its default, as AWS documents.
# So:      moto 5.2.5 (PyPI) does so for Description and the time zone only. ActionAfterCompletion stays DELETE (AWS:
#          NONE), and State becomes None (AWS: ENABLED), also for a schedule that was enabled.
# Matters: moving the timer of a leaver without naming ActionAfterCompletion is right in a test. On AWS fired schedules
#          stay from then on, until the quota of schedules is used up.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "moto[scheduler]==5.2.5" boto3==1.44.8
venv/bin/python - <<'PY'
import os

os.environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
import boto3
from moto import mock_aws

FIELDS = ("State", "ActionAfterCompletion", "Description", "ScheduleExpressionTimezone")
needed = {
    "Name": "deactivate-lena",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:terminate",
        "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
    },
}
with mock_aws():
    scheduler = boto3.client("scheduler")
    scheduler.create_schedule(
        **needed,
        ScheduleExpression="at(2030-03-05T09:00:00)",
        ScheduleExpressionTimezone="Europe/Berlin",
        ActionAfterCompletion="DELETE",
        Description="three days of grace",
        State="ENABLED",
    )
    scheduler.update_schedule(**needed, ScheduleExpression="at(2030-03-06T09:00:00)")
    schedule = scheduler.get_schedule(Name="deactivate-lena")
found = {field: schedule.get(field) for field in FIELDS}
print(found)
assert found == {
    "State": None,
    "ActionAfterCompletion": "DELETE",
    "Description": None,
    "ScheduleExpressionTimezone": "UTC",
}, found
PY
echo "moto 5.2.5: as stated"

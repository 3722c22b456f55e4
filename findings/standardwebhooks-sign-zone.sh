#!/usr/bin/env bash
# Guess:   sign() takes a datetime with a time zone for the instant that it is.
# So:      standardwebhooks 1.1.0 (PyPI) replaces the zone by UTC, and keeps the digits of the clock. 14:00+02:00 is
#          signed as 14:00 UTC. svix 2.9.1 (PyPI) signs with it, so it does the same.
# Matters: a webhook sender that works in its own zone signs for another second than its header names: each delivery is
#          refused. Where the clock is on UTC, as on Lambda, no test shows it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1
venv/bin/python - <<'PY'
import base64
from datetime import datetime, timedelta, timezone

import standardwebhooks
import svix

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
BODY = '{"type":"employee.inactive"}'
utc = datetime.now(timezone.utc).replace(microsecond=0)
berlin = utc.astimezone(timezone(timedelta(hours=2)))
assert utc == berlin

for library in (standardwebhooks, svix):
    hook = library.Webhook(SECRET)

    def accepted(signed_at):
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": hook.sign("msg_1", signed_at, BODY),
        }
        try:
            hook.verify(BODY, headers)
            return True
        except library.webhooks.WebhookVerificationError as error:
            print(f"{library.__name__}: signed at {signed_at.isoformat()}: {error}")
            return False

    assert accepted(utc)
    assert not accepted(berlin)
    shifted = hook.sign("msg_1", utc + timedelta(hours=2), BODY)
    print(f"{library.__name__}: the signature is that of two hours later:", hook.sign("msg_1", berlin, BODY) == shifted)
    assert hook.sign("msg_1", berlin, BODY) == shifted
PY
echo "standardwebhooks 1.1.0, svix 2.9.1: as stated"

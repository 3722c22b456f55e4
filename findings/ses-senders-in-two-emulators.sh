#!/usr/bin/env bash
# Guess:   two emulators of SES v2 let the same mails go: from a subdomain of a verified domain, as AWS does; not to 51
#          recipients, and not with a configuration set that is not there, which AWS refuses.
# So:      moto 5.2.5 (PyPI) refuses the subdomain, and the 51. MiniStack 1.5.33 (PyPI) lets both go. Both let a mail go
#          with a configuration set that is not there.
# Matters: a digest to all admins, or a set's name with a typing error, passes a test and fails on AWS; and a right
#          sender fails a test.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${emulator:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ministack==1.5.33 "moto[ses]==5.2.5" boto3==1.43.106
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
from botocore.exceptions import ClientError
from moto import mock_aws


def story(url=None):
    ses = boto3.client("sesv2", endpoint_url=url)
    ses.create_email_identity(EmailIdentity="acme.example")

    def sent(sender="hr@acme.example", recipients=1, **options):
        to = [f"admin-{number}@acme.example" for number in range(recipients)]
        text = {"Data": "1 person deactivated"}
        content = {"Simple": {"Subject": text, "Body": {"Text": text}}}
        try:
            ses.send_email(FromEmailAddress=sender, Destination={"ToAddresses": to}, Content=content, **options)
            return True
        except ClientError:
            return False

    return {
        "from the domain": sent(),
        "from another": sent("hr@other.example"),
        "from a subdomain": sent("hr@mail.acme.example"),
        "to 51": sent(recipients=51),
        "with no such set": sent(ConfigurationSetName="not-there"),
    }


with mock_aws():
    moto = story()
print("moto:     ", moto)
url = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(300):
    try:
        urllib.request.urlopen(f"{url}/_ministack/health", timeout=5)
        break
    except OSError:
        time.sleep(0.2)
ministack = story(url)
print("MiniStack:", ministack)
assert list(moto.values()) == [True, False, False, False, True], moto
assert list(ministack.values()) == [True, False, True, True, True], ministack
PY
venv/bin/python run.py "$port"
echo "moto 5.2.5, MiniStack 1.5.33: as stated"

#!/usr/bin/env bash
# Guess:   a mock of DynamoDB that takes a ClientRequestToken treats it as AWS does: a TransactWriteItems that is sent
#          again with its token is done once, and the same token with another content is refused.
# So:      moto 5.2.5 (PyPI) ignores the token. The second sending is done again, and another content is done too.
#          MiniStack 1.5.33 (PyPI) does as AWS.
# Matters: a test that replays a write ("take a place among today's leavers") fails on moto for code that is right, and
#          a token that is used for two things by mistake is not noticed.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${emulator:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ministack==1.5.33 "moto[dynamodb]==5.2.5"
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env -i PATH="$PATH" HOME="$work" TMPDIR="$work" BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" IOT_MTLS_ENABLED=0 \
  SFTP_ENABLED=0 venv/bin/python -m ministack >log 2>&1 &
emulator=$!
cat >run.py <<'PY'
import os
import sys
import time
import urllib.request

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

os.environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def story(url=None):
    table = boto3.client("dynamodb", endpoint_url=url)
    key = {"pk": {"S": "leavers-today"}}
    table.create_table(
        TableName="places",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )

    def take(number):
        update = {
            "TableName": "places",
            "Key": key,
            "UpdateExpression": "ADD taken :n",
            "ExpressionAttributeValues": {":n": {"N": str(number)}},
        }
        table.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="webhook-1")
        return int(table.get_item(TableName="places", Key=key)["Item"]["taken"]["N"])

    told = [take(1), take(1)]
    try:
        told.append(take(5))
    except ClientError as error:
        told.append(error.response["Error"]["Code"])
    return told


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
assert moto == [1, 2, 7], moto
assert ministack == [1, 1, "IdempotentParameterMismatchException"], ministack
PY
venv/bin/python run.py "$port"
echo "moto 5.2.5, MiniStack 1.5.33: as stated"

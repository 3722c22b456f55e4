#!/usr/bin/env bash
# Guess:   two idempotent functions with configurations of their own may share one persistence layer: only the table is
#          shared.
# So:      in aws-lambda-powertools 3.37.0 (PyPI) the layer keeps the configuration of the function that is called
#          first. The other's key expression and payload validation are ignored, without a warning.
# Matters: "one mail for each user" is called before "one cancellation for each card": then cancellations are keyed by
#          the user, and the second card of a leaver is answered with the first one's result. It stays alive.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aws-lambda-powertools==3.37.0 "moto[dynamodb]==5.2.5"
cat >run.py <<'PY'
import os
import warnings

os.environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# It warns that it was given no Lambda context, and of nothing else.
warnings.filterwarnings("error")
warnings.filterwarnings("ignore", message="Couldn't determine the remaining time left")

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from moto import mock_aws


def stories(one_for_both):
    boto3.client("dynamodb").create_table(
        TableName="idempotency",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    first = DynamoDBPersistenceLayer(table_name="idempotency")
    second = first if one_for_both else DynamoDBPersistenceLayer(table_name="idempotency")

    by_user, by_card = IdempotencyConfig(event_key_jmespath="user"), IdempotencyConfig(event_key_jmespath="card")

    @idempotent_function(data_keyword_argument="event", persistence_store=first, config=by_user)
    def tell(event):
        return f"told of {event['user']}"

    @idempotent_function(data_keyword_argument="event", persistence_store=second, config=by_card)
    def cancel(event):
        return f"cancelled {event['card']}"

    cards = [{"user": "lena", "card": "card-1"}, {"user": "lena", "card": "card-2"}]
    return [tell(event=cards[0])] + [cancel(event=card) for card in cards]


with mock_aws():
    apart = stories(one_for_both=False)
print("a layer for each:  ", apart)
assert apart == ["told of lena", "cancelled card-1", "cancelled card-2"], apart
with mock_aws():
    shared = stories(one_for_both=True)
print("one layer for both:", shared)
assert shared == ["told of lena", "cancelled card-1", "cancelled card-1"], shared
PY
venv/bin/python run.py
echo "aws-lambda-powertools 3.37.0: as stated"

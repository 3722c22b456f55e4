#!/usr/bin/env bash
# Guess:   emulators of DynamoDB agree on what a stream has of a write that changes nothing: AWS documents that there is
#          no record of it.
# So:      DynamoDB Local 1.25.1 (in amplify-dynamodb-simulator 2.9.30, npm) and MiniStack 1.5.33 (PyPI) write none.
#          moto 5.2.5 (PyPI) and dynoxide-rs 3.2.0 (crate) write a MODIFY for an equal PutItem, and for an UpdateItem to
#          the same value.
# Matters: a consumer of the stream that counts or mails is woken by each replay of a webhook in one test bed, and in
#          the other never; a test that waits for the record passes on one and waits for ever on AWS.
# Needs:   Java 11 or newer; cargo and a C compiler.
set -euo pipefail
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ministack==1.5.33 "moto[dynamodb]==5.2.5" boto3==1.43.106
npm pack --silent amplify-dynamodb-simulator@2.9.30 >/dev/null
tar -xzf amplify-dynamodb-simulator-2.9.30.tgz
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$work/target}" cargo install --quiet --root "$work" dynoxide-rs --version =3.2.0 \
  --no-default-features --features native-sqlite,http-server,cli 2>cargo.log || { cat cargo.log; exit 1; }
free() {
  venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
ports=("$(free)" "$(free)" "$(free)")
jar=package/emulator
java -Djava.library.path=$jar/DynamoDBLocal_lib -jar $jar/DynamoDBLocal.jar -inMemory -disableTelemetry \
  -port "${ports[0]}" >amazon.log 2>&1 &
pids+=($!)
env -i PATH="$PATH" HOME="$work" TMPDIR="$work" BIND_HOST=127.0.0.1 GATEWAY_PORT="${ports[1]}" IOT_MTLS_ENABLED=0 \
  SFTP_ENABLED=0 venv/bin/python -m ministack >ministack.log 2>&1 &
pids+=($!)
bin/dynoxide --port "${ports[2]}" >dynoxide.log 2>&1 &
pids+=($!)
for port in "${ports[@]}"; do
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    sleep 0.2
  done
done
cat >run.py <<'PY'
import os
import sys

os.environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
import boto3
from botocore.config import Config
from moto import mock_aws


def story(url=None):
    table = boto3.client("dynamodb", endpoint_url=url)
    # dynoxide's names of shards are shorter than botocore lets through.
    streams = boto3.client("dynamodbstreams", endpoint_url=url, config=Config(parameter_validation=False))
    table.create_table(
        TableName="people",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    table.get_waiter("table_exists").wait(TableName="people", WaiterConfig={"Delay": 1})
    lena = {"pk": {"S": "lena"}, "state": {"S": "inactive"}}
    table.put_item(TableName="people", Item=lena)
    table.put_item(TableName="people", Item=lena)
    table.update_item(
        TableName="people",
        Key={"pk": lena["pk"]},
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": lena["state"]},
    )
    table.delete_item(TableName="people", Key={"pk": lena["pk"]})
    arn = table.describe_table(TableName="people")["Table"]["LatestStreamArn"]
    events = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        where = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**where)["ShardIterator"]
        # The last event ends it: a stream has its records soon, not at once.
        for _ in range(200):
            page = streams.get_records(ShardIterator=iterator)
            events += [record["eventName"] for record in page["Records"]]
            iterator = page.get("NextShardIterator")
            if not iterator or "REMOVE" in events:
                break
    return events


ports = dict(zip(("DynamoDB Local", "MiniStack", "dynoxide"), sys.argv[1:]))
found = {name: story(f"http://127.0.0.1:{port}") for name, port in ports.items()}
with mock_aws():
    found["moto"] = story()
for name, events in found.items():
    print(f"{name:15} {events}")
none, both = ["INSERT", "REMOVE"], ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
assert found == {"DynamoDB Local": none, "MiniStack": none, "dynoxide": both, "moto": both}, found
PY
venv/bin/python run.py "${ports[@]}"
echo "DynamoDB Local 1.25.1, MiniStack 1.5.33, moto 5.2.5, dynoxide-rs 3.2.0: as stated"

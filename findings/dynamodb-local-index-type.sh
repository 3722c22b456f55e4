#!/usr/bin/env bash
# Guess:   Amazon's own DynamoDB Local refuses what DynamoDB refuses: a text where the index's key is a number.
# So:      DynamoDB Local 1.25.1 (in amplify-dynamodb-simulator 2.9.30, npm) refuses it in PutItem only. An UpdateItem
#          with it succeeds, the item keeps the text, and stays in the index. dynalite 4.0.0 (npm) refuses both.
# Matters: an update that writes the due time of a leaver as a text passes on the vendor's emulator, and on AWS is a
#          ValidationException.
# Needs:   Java 11 or newer.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${amazon:-}" "${other:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts dynalite@4.0.0 @aws-sdk/client-dynamodb@3.980.0
npm pack --silent amplify-dynamodb-simulator@2.9.30 >/dev/null
tar -xzf amplify-dynamodb-simulator-2.9.30.tgz
cat >free.js <<'JS'
const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
  console.log(server.address().port);
  server.close();
});
JS
ports=("$(node free.js)" "$(node free.js)")
jar=package/emulator
java -Djava.library.path=$jar/DynamoDBLocal_lib -jar $jar/DynamoDBLocal.jar -inMemory -disableTelemetry \
  -port "${ports[0]}" >amazon.log 2>&1 &
amazon=$!
node node_modules/dynalite/cli.js --port "${ports[1]}" --createTableMs 0 >other.log 2>&1 &
other=$!
cat >run.js <<'JS'
const assert = require('node:assert');
const { DynamoDB } = require('@aws-sdk/client-dynamodb');

const TableName = 'people';
const Key = { pk: { S: 'lena' } };

async function tried(send) {
  try {
    await send();
    return 'done';
  } catch (error) {
    return error.name;
  }
}

async function story(port) {
  const table = new DynamoDB({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const attribute = (AttributeName, AttributeType) => ({ AttributeName, AttributeType });
  await table.createTable({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    AttributeDefinitions: [attribute('pk', 'S'), attribute('work', 'S'), attribute('due', 'N')],
    GlobalSecondaryIndexes: [{
      IndexName: 'work',
      KeySchema: [{ AttributeName: 'work', KeyType: 'HASH' }, { AttributeName: 'due', KeyType: 'RANGE' }],
      Projection: { ProjectionType: 'ALL' },
    }],
  });
  let status;
  do ({ Table: { TableStatus: status } } = await table.describeTable({ TableName })); while (status !== 'ACTIVE');
  const open = { ...Key, work: { S: 'open' } };
  await table.putItem({ TableName, Item: { ...open, due: { N: '1' } } });
  const put = await tried(() => table.putItem({ TableName, Item: { ...open, due: { S: 'Thursday' } } }));
  const change = { UpdateExpression: 'SET due = :due', ExpressionAttributeValues: { ':due': { S: 'Thursday' } } };
  const update = await tried(() => table.updateItem({ TableName, Key, ...change }));
  const { Item } = await table.getItem({ TableName, Key });
  return { put, update, due: JSON.stringify(Item.due) };
}

(async () => {
  const amazon = await story(process.argv[2]);
  console.log('DynamoDB Local:', amazon);
  const other = await story(process.argv[3]);
  console.log('dynalite:      ', other);
  assert.deepStrictEqual(amazon, { put: 'ValidationException', update: 'done', due: '{"S":"Thursday"}' });
  assert.deepStrictEqual(other, { put: 'ValidationException', update: 'ValidationException', due: '{"N":"1"}' });
})();
JS
for port in "${ports[@]}"; do
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    sleep 0.2
  done
done
node run.js "${ports[@]}"
echo "DynamoDB Local 1.25.1, dynalite 4.0.0: as stated"

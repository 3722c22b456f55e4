// HR events come in, signed: what functions/hr-sync does, on the same table, as one would write it with the AWS SDK v3.

import {
  BatchGetItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand, TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { DecryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

import { decide, digest, parse, policyOf, schedule } from "./people.mjs";
import { admitted, beaten, change, key } from "./table.mjs";

const { TABLE_NAME, SECRETS_KEY_ARN, SCHEDULE_GROUP, SCHEDULE_ROLE_ARN, TIMER_DEAD_LETTER_ARN } = process.env;
const DAY = Number(process.env.DAY_SECONDS ?? 86_400) * 1000;
const MINUTE = 60_000;

const dynamodb = new DynamoDBClient({});
const kms = new KMSClient({});
const scheduler = new SchedulerClient({});
const secrets = new Map(); // opened ones, by their ciphertext
const heard = new Map(); // when the pulse of a source was last looked at

export async function handler(event) {
  const { org, source } = event.pathParameters;
  const body = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
  if (Buffer.byteLength(body) > 4 * 1024 * 1024) {
    return problem(413, "too_large", "the body is larger than 4 MiB");
  }
  try {
    if (!(await isAuthentic(org, source, body, event.headers))) {
      return problem(401, "bad_signature", "the signature is not good, or the source not active");
    }
    let delivery, events;
    try {
      delivery = JSON.parse(body);
      events = delivery.events.map(parse);
    } catch (error) {
      return problem(400, "malformed_json", `not a delivery: ${error.message}`);
    }
    if (delivery.dry_run || new Set(events.map(({ employee_id }) => employee_id)).size < events.length) {
      return problem(422, "invalid", "dry runs, and two events of one employee in a delivery, are left out");
    }
    const answer = await take(org, source, events);
    await beat(org, source);
    return reply(200, "application/json", answer);
  } catch (error) {
    console.error(error);
    return problem(503, "unavailable", "Nothing is lost; try again.");
  }
}

async function isAuthentic(org, source, body, headers) {
  const known = await read(key(`O#${org}`, `SOURCE#${source}`));
  if (known?.state !== "active") return false;
  for (const secret of known.secrets) {
    try {
      new Webhook(await opened(org, source, secret), { format: "raw" }).verify(body, headers, { jsonParse: false });
      return true;
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
    }
  }
  return false;
}

async function opened(org, source, { sealed, version }) {
  if (!secrets.has(sealed)) {
    const { Plaintext } = await kms.send(new DecryptCommand({
      KeyId: SECRETS_KEY_ARN,
      CiphertextBlob: Buffer.from(sealed, "base64"),
      EncryptionContext: { organisation: org, source, version: String(version) },
    }));
    secrets.set(sealed, Plaintext);
  }
  return secrets.get(sealed);
}

async function take(org, source, events) {
  const now = Date.now();
  const { policy, admins, users } = await load(org, source, events.map(({ employee_id }) => employee_id));
  const results = events.map((event) => decide(event, users.get(event.employee_id), source, policy, admins));
  const leavers = results.filter(({ outcome }) => outcome === "scheduled");
  const run = leavers.length ? await admit(org, source, policy, leavers, now) : undefined;
  if (run) {
    const timers = leavers.map((one) => schedule(org, one, run, policy, now, DAY));
    await Promise.all([digest(org, now), ...timers].map(arm));
  }
  const written = (words) => results
    .filter(({ outcome, after }) => after && words.includes(outcome))
    .map((one) => change(org, source, one, now));
  const plain = written(["updated"]).flat();
  const writes = [...written(["scheduled", "unchanged"]), ...(plain.length ? [plain] : [])];
  await Promise.all(writes.map(write));
  const summary = {};
  for (const { outcome } of results) summary[outcome] = (summary[outcome] ?? 0) + 1;
  const shown = results.map(({ employee_id, outcome, due_at, reason }) => ({ employee_id, outcome, due_at, reason }));
  return { results: shown, summary, run_id: run };
}

async function load(org, source, ids) {
  const Keys = ids.map((id) => key(`O#${org}#U#${id}`, "U"));
  Keys.push(key(`O#${org}`, "SETTINGS"), key(`O#${org}`, "ADMINS"), key(`O#${org}#B#${source}`, "B"));
  let asked = { [TABLE_NAME]: { Keys, ConsistentRead: true } };
  const items = [];
  while (asked && Object.keys(asked).length) {
    const page = await dynamodb.send(new BatchGetItemCommand({ RequestItems: asked }));
    items.push(...(page.Responses[TABLE_NAME] ?? []));
    asked = page.UnprocessedKeys;
  }
  const of = (kind) => items.filter(({ sk }) => sk.S === kind);
  const users = of("U").map((item) => JSON.parse(item.data.S));
  const [settings] = of("SETTINGS");
  return {
    policy: policyOf(settings ? JSON.parse(settings.data.S) : {}),
    admins: of("ADMINS")[0]?.ids.SS ?? [],
    users: new Map(users.map((user) => [user.employee_id, user])),
  };
}

/** Asks the breaker for all who leave; where it says no, nobody does, and the hold that ours opens is left out. */
async function admit(org, source, policy, leavers, now) {
  const breaker = (await read(key(`O#${org}#B#${source}`, "B"))) ?? { rev: 0 };
  const people = leavers.map(({ employee_id }) => employee_id);
  const { run, puts } = admitted(org, source, breaker, policy, people, now);
  if (!run) {
    for (const one of leavers) Object.assign(one, { outcome: "rejected", reason: "a safeguard stopped it" });
    return undefined;
  }
  if (!(await read(key(`O#${org}#RUNS`, run)))) await write(puts);
  return run;
}

/** Writes down that the source has spoken, at most once a minute. */
async function beat(org, source) {
  const now = Date.now();
  const name = `${org}/${source}`;
  if (now < (heard.get(name) ?? 0) + MINUTE) return;
  try {
    const pulse = (await read(key(`O#${org}#B#${source}`, "PULSE"))) ?? { gaps: [], rev: 0 };
    if (!pulse.last_at || now >= Date.parse(pulse.last_at) + MINUTE) {
      await write([beaten(org, source, pulse, now)]);
    }
    heard.set(name, now);
  } catch (error) {
    console.error(error);
  }
}

async function read(itemKey) {
  const asked = { TableName: TABLE_NAME, Key: itemKey, ConsistentRead: true };
  const { Item } = await dynamodb.send(new GetItemCommand(asked));
  return Item && JSON.parse(Item.data.S);
}

const write = (puts) => dynamodb.send(
  puts.length === 1
    ? new PutItemCommand(puts[0])
    : new TransactWriteItemsCommand({ TransactItems: puts.map((Put) => ({ Put })) }),
);

async function arm({ name, target, due, input }) {
  try {
    await scheduler.send(new CreateScheduleCommand({
      GroupName: SCHEDULE_GROUP,
      Name: name,
      ScheduleExpression: `at(${due.replace("Z", "")})`,
      ScheduleExpressionTimezone: "UTC",
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "DELETE",
      Target: {
        Arn: process.env[target],
        RoleArn: SCHEDULE_ROLE_ARN,
        Input: JSON.stringify(input),
        DeadLetterConfig: { Arn: TIMER_DEAD_LETTER_ARN },
        RetryPolicy: { MaximumRetryAttempts: 20, MaximumEventAgeInSeconds: 21_600 },
      },
    }));
  } catch (error) {
    if (error.name !== "ConflictException") throw error; // Otherwise it stands already.
  }
}

const problem = (status, code, detail) =>
  reply(status, "application/problem+json", { type: `urn:offramp:problem:${code}`, status, code, detail });

const reply = (statusCode, kind, body) => ({
  statusCode,
  headers: { "content-type": kind, "cache-control": "no-store" },
  body: JSON.stringify(body),
});

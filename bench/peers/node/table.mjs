// Items as the table has them: what an index looks at, and the JSON of the rest in `data`. Keys as in
// shared/aws/src/keys.rs.

import { randomUUID } from "node:crypto";
import { FIELDS, instant, minute, second, sha256 } from "./people.mjs";

const TableName = process.env.TABLE_NAME;
const STATUS = { active: "active", scheduled: "deactivation_scheduled" };
const HOUR = 3_600_000;

export const key = (pk, sk) => ({ pk: { S: pk }, sk: { S: sk } });
const number = (value) => ({ N: String(value) });
const shard = (of, shards = 8) => sha256(of)[0] % shards;
const work = (org, of, due) => [`W#${shard(`${org}#${of}`, 16)}`, second(due)];
const hex = (value, digits) => value.toString(16).padStart(digits, "0");
const uuid = () => randomUUID().replaceAll("-", "");

function item(pk, sk, data, indexes = {}, attributes = {}) {
  const found = Object.entries(indexes).flatMap(([name, [indexPk, indexSk]]) => [
    [`${name}_pk`, { S: indexPk }],
    [`${name}_sk`, { S: indexSk }],
  ]);
  const stored = { v: number(1), data: { S: JSON.stringify(data) } };
  return { ...key(pk, sk), ...stored, ...attributes, ...Object.fromEntries(found) };
}

/** A put; where `rev` is the one before, of an item that nobody else has written since. */
function put(Item, rev) {
  if (rev === undefined) return { TableName, Item };
  if (rev === 0) return { TableName, Item, ConditionExpression: "attribute_not_exists(pk)" };
  const ExpressionAttributeValues = { ":rev": number(rev) };
  return { TableName, Item, ConditionExpression: "rev = :rev", ExpressionAttributeValues };
}

/** What one decision writes: the user, the entry of the history, and what the admins are told. */
export function change(org, source, one, now) {
  const { before, after, event, employee_id, outcome, due_at } = one;
  const puts = [put(userItem(org, source, after), before.rev)];
  if (outcome === "unchanged") return puts;
  const { version, generation, profile } = after;
  const at = instant(now);
  const by = { actor: "hr", source, event_id: event.id || undefined, occurred_at: event.at };
  const fields = FIELDS.filter((field) => before.profile[field] !== profile[field]);
  const entry = {
    version, at, by, what: outcome, due_at, from: "active", to: STATUS[after.lifecycle.state],
    cause: after.lifecycle.cause, fields: fields.length ? fields : undefined,
  };
  const what = `${employee_id}#${version}`;
  const nanos = new Date(now).toISOString().replace("Z", "000000Z");
  const audit = [`O#${org}#A#${nanos.slice(0, 10)}#${shard(what)}`, `${nanos}#${what}`];
  puts.push(put(item(`O#${org}#U#${employee_id}`, `H#${String(version).padStart(12, "0")}`, entry, { audit })));
  if (outcome === "scheduled") {
    const about = { active_cards: after.active_cards, employee_id, name: profile.name, generation };
    const notice = { at, kind: "scheduled", cause: "hr", due_at, ...about };
    const sk = `${minute(now)}#scheduled#${generation}#${employee_id}`;
    const due = Date.parse(minute(now)) + 120_000;
    puts.push(put(item(`O#${org}#N#${shard(employee_id)}`, sk, notice, { work: work(org, employee_id, due) })));
  }
  return puts;
}

function userItem(org, source, user) {
  const { employee_id: person, profile, lifecycle, hr } = user;
  const [status, mine] = [STATUS[lifecycle.state], shard(person)];
  const indexes = {
    people: [`O#${org}#P#${status}#${mine}`, `${(profile.name ?? person).toLowerCase().slice(0, 400)}\x1f${person}`],
    ids: [`O#${org}#I#${mine}`, `${person.toLowerCase()}\x1f${person}`],
    roster: [`O#${org}#ROSTER#${source}#${shard(person, 16)}`, person],
  };
  if (profile.email) {
    const email = profile.email.toLowerCase();
    indexes.mail = [`O#${org}#M#${shard(email)}`, `${email}\x1f${person}`];
  }
  if (status !== "active" || hr.status.value !== "active") indexes.drift = [`O#${org}#X#${mine}`, person];
  if (profile.leave_date) indexes.leaving = [`O#${org}#LD#${mine}`, `${profile.leave_date}\x1f${person}`];
  if (profile.birthday) indexes.birthdays = [`O#${org}#${profile.birthday}#${mine}`, person];
  if (profile.start_date) indexes.starts = [`O#${org}#${profile.start_date.slice(5)}#${mine}`, person];
  if (lifecycle.due_at) indexes.work = work(org, person, Date.parse(lifecycle.due_at));
  return item(`O#${org}#U#${person}`, "U", user, indexes, {
    rev: number(user.rev),
    generation: number(user.generation),
    terminating: { BOOL: false },
    closing: { BOOL: false },
    print: { B: rosterPrint(user) },
  });
}

/** A few bytes of each field that HR has sent, for snapshots to compare with: never sent, cleared, or a hash. */
function rosterPrint({ lifecycle, hr }) {
  const hashes = FIELDS.map((field) => {
    if (!(field in hr.fields)) return Buffer.alloc(5);
    const { value } = hr.fields[field];
    return value === null ? Buffer.alloc(5, 0xff) : sha256(value).subarray(0, 5);
  });
  return Buffer.concat([Buffer.from(`${lifecycle.state[0]}\x01${hr.status.value[0]}`), ...hashes]);
}

/** Takes a place in the window of the breaker for each: the name of the run and what to write, or neither. */
export function admitted(org, source, breaker, policy, people, now) {
  const { max_users, max_percent, window_hours } = policy.settings.safeguards;
  const seconds = Math.floor(now / 1000);
  const known = (breaker.window ?? "").match(/.{18}/g) ?? [];
  const places = new Map(known.map((place) => [place.slice(0, 10), parseInt(place.slice(10), 16)]));
  for (const [who, at] of places) if (at <= (now - window_hours * HOUR) / 1000) places.delete(who);
  const { base } = breaker;
  const left = [...places.values()].filter((at) => base && at <= Date.parse(base.at) / 1000).length;
  const active = (base?.active ?? 0) + left;
  for (const who of people.map((person) => sha256(person).toString("hex").slice(0, 10))) {
    if (!places.has(who)) places.set(who, seconds);
  }
  const tooLarge = active >= 20 && places.size * 100 > max_percent * active;
  if (breaker.hold || places.size > max_users || tooLarge) return {};
  const [at, run] = [instant(now), `run_${hex(now, 12)}${uuid().slice(12)}`];
  const window = [...places].map(([who, since]) => who + hex(since, 8)).join("");
  const after = { look_at: at, ...breaker, window, rev: breaker.rev + 1 };
  const indexes = { work: work(org, `source#${source}`, Date.parse(after.look_at)) };
  const roll = { seq: 1, at, people };
  const ran = { run, kind: "delivery", source, at, people: people.length };
  const expires = number(seconds + 400 * 86_400);
  const puts = [
    put(item(`O#${org}#ROLL#${run}`, `R#${"1".padStart(12, "0")}#${uuid()}#000000`, roll, {}, { expires })),
    put(item(`O#${org}#B#${source}`, "B", after, indexes, { rev: number(after.rev) }), breaker.rev),
    put(item(`O#${org}#RUNS`, run, ran), 0),
  ];
  return { run, puts };
}

/** The pulse after a delivery; an hour's deliveries are one. */
export function beaten(org, source, pulse, now) {
  const after = { ...pulse, last_at: instant(now), rev: pulse.rev + 1 };
  const since = pulse.gap_from && Date.parse(pulse.gap_from);
  if (since === undefined || now >= since + HOUR) {
    const gap = since === undefined ? [] : [Math.floor((now - since) / 1000)];
    after.gaps = [...pulse.gaps, ...gap].slice(-100);
    after.gap_from = after.last_at;
  }
  const indexes = after.told === "silent" ? { work: work(org, `source#${source}`, now) } : {};
  return put(item(`O#${org}#B#${source}`, "PULSE", after, indexes, { rev: number(after.rev) }), pulse.rev);
}

// What HR's events come to for people who are active; pure.

import { createHash } from "node:crypto";

export const FIELDS = [
  "name", "email", "team", "department", "cost_centre", "manager_id", "start_date", "birthday", "leave_date",
];
const LEFT_OUT = ["pending", "reopening", "leave", "held", "hold"]; // what else a user may be in the middle of
const MINUTE = 60_000;

/** An instant as the table has it: as many digits as it needs. */
export const instant = (at) => new Date(at).toISOString().replace(".000Z", "Z");
export const second = (at) => instant(Math.floor(at / 1000) * 1000);
export const minute = (at) => instant(Math.floor(at / MINUTE) * MINUTE);
export const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

export function parse(event) {
  const { employee_id, status, ...said } = event.employee;
  if (typeof employee_id !== "string" || !["active", "inactive"].includes(status)) {
    throw new TypeError("an event has an employee_id, and a status that is active or inactive");
  }
  const fields = Object.fromEntries(FIELDS.filter((field) => field in said).map((field) => [field, said[field]]));
  return { id: event.id ?? "", at: instant(Date.parse(event.occurred_at)), employee_id, status, fields };
}

/** The policy, with what holds where nobody has set anything. */
export const policyOf = (stored) => ({
  epoch: 0,
  settings: {
    deactivation_sync: { enabled: true, behaviour: "delayed", delay_days: 3 },
    safeguards: { max_users: 50, max_percent: 20, window_hours: 24 },
  },
  ...stored,
});

/** An event's outcome, with the user after it where something is to be written. */
export function decide(event, user, source, policy, admins) {
  const { employee_id } = event;
  const outcome = (word, after, reason) => ({ employee_id, outcome: word, reason, event, before: user, after });
  if (user?.origin.source !== source) {
    return outcome("rejected", undefined, "the source does not know this employee");
  }
  const record = user.hr;
  if (record.seen[event.at]?.includes(fingerprint(event))) {
    const values = [record.status, ...Object.values(record.fields)];
    return outcome(values.some(({ at }) => Date.parse(event.at) < Date.parse(at)) ? "stale" : "unchanged");
  }
  const { merged, changed, mutation } = merge(record, event);
  if (!merged) return outcome("stale");
  const { state } = user.lifecycle;
  const plain = state === "active" || (state === "scheduled" && !changed);
  if (!plain || LEFT_OUT.some((name) => name in user)) {
    return outcome("rejected", undefined, "people who are not plainly active are left out");
  }
  const after = { ...user, hr: merged, rev: user.rev + 1 };
  if (!changed) return outcome("unchanged", after);
  after.version += 1;
  after.profile = shown(user.profile, merged);
  if (event.status === "active" || !mutation) return outcome("updated", after);
  const { enabled, behaviour } = policy.settings.deactivation_sync;
  if (!enabled || behaviour !== "delayed" || admins.includes(employee_id)) {
    return outcome("rejected", undefined, "admins, and leavers without a grace period, are left out");
  }
  return outcome("scheduled", after);
}

/** The last writer wins, field by field: the record, whether a value is another, and whether a known one is. */
function merge(record, event) {
  const merged = structuredClone(record);
  const isOlder = (known) => Date.parse(event.at) < Date.parse(known.at);
  let [taken, changed, mutation] = [false, false, false];
  if (!isOlder(record.status)) {
    taken = true;
    changed = mutation = record.status.value !== event.status;
    merged.status = { at: event.at, value: event.status };
  }
  for (const [field, value] of Object.entries(event.fields)) {
    const known = record.fields[field];
    if (known && isOlder(known)) continue;
    taken = true;
    merged.fields[field] = { at: event.at, value };
    if ((known?.value ?? null) !== value) {
      changed = true;
      mutation ||= known !== undefined;
    }
  }
  if (!taken) return {};
  (merged.seen[event.at] ??= []).push(fingerprint(event));
  const alive = new Set([merged.status.at, ...Object.values(merged.fields).map(({ at }) => at)]);
  const seen = Object.entries(merged.seen).filter(([at]) => alive.has(at));
  merged.seen = Object.fromEntries(seen.map(([at, hashes]) => [at, hashes.slice(-16)]));
  return { merged, changed, mutation };
}

function shown(profile, record) {
  const values = Object.entries(record.fields).map(([field, { value }]) => [field, value]);
  const all = Object.entries({ ...profile, ...Object.fromEntries(values) });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

/** Tells a replay from another statement of the same instant. */
function fingerprint(event) {
  const fields = Object.entries(event.fields).flatMap(([field, value]) => [
    ...part(field),
    ...(value === null ? [Buffer.from([0xff])] : part(value)),
  ]);
  return sha256(...part(event.id), ...part(event.status), ...fields).toString("hex").slice(0, 24);
}

function part(value) {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeUInt32BE(bytes.length, 4);
  return [length, bytes];
}

/** Plans the end of the grace period, and gives its timer. */
export function schedule(org, one, run, policy, now, day) {
  const { after: user, employee_id } = one;
  const due = now + day * policy.settings.deactivation_sync.delay_days;
  one.due_at = second(due);
  user.generation += 1;
  const plan = { cause: "hr", at: instant(now), due_at: one.due_at, epoch: policy.epoch, run };
  user.lifecycle = { state: "scheduled", ...plan };
  const about = { employee_id, generation: user.generation };
  user.notice = { minute: minute(now), kind: "scheduled", ...about };
  const timer = { kind: "deactivate", org, ...about, due: one.due_at };
  return named(timer, "TERMINATE_ARN", due, [org, employee_id, String(user.generation)]);
}

/** The timer of the mail about this minute. */
export const digest = (org, now) =>
  named({ kind: "digest", org, minute: minute(now) }, "NOTIFY_ARN", Date.parse(minute(now)) + 2 * MINUTE, [org]);

function named(input, target, due, parts) {
  const hash = sha256(...parts.flatMap(part)).toString("hex").slice(0, 32);
  return { name: `${input.kind}-${hash}-${Math.floor(due / 1000)}`, target, due: second(due), input };
}

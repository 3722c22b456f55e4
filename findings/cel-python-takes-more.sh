#!/usr/bin/env bash
# Guess:   duration("3d") and timestamp("2026-03-01") are errors in every CEL, as its specification has units up to the
#          hour, and RFC 3339 for instants.
# So:      cel-python 0.5.0 (PyPI) takes both, the date as midnight UTC. @bufbuild/cel 0.6.1 and @marcbachmann/cel-js
#          8.0.0 (npm) refuse both.
# Matters: a rule about a grace period that was written and tested in Python fails in the service; and where it runs, a
#          leave date begins at midnight UTC, not at the employee's.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cel-python==0.5.0
venv/bin/python - <<'PY'
import celpy

environment = celpy.Environment()
for rule in [
    "duration('3d') == duration('72h')",
    "timestamp('2026-03-01') == timestamp('2026-03-01T00:00:00Z')",
    "timestamp('2026-03-01T09:00:00') == timestamp('2026-03-01T09:00:00Z')",
]:
    found = environment.program(environment.compile(rule)).evaluate({})
    print("cel-python:", rule, "->", bool(found))
    assert found, rule
PY
cat >run.mjs <<'JS'
import assert from 'node:assert';
import { isCelError, run } from '@bufbuild/cel';
import { evaluate } from '@marcbachmann/cel-js';
for (const rule of ["duration('3d')", "timestamp('2026-03-01')", "timestamp('2026-03-01T09:00:00')"]) {
  const answer = run(rule, {});
  assert.ok(isCelError(answer));
  console.log('@bufbuild/cel:', rule, '->', answer.message);
  assert.throws(() => evaluate(rule, {}));
  console.log('cel-js refuses', rule);
}
JS
node run.mjs
echo "cel-python 0.5.0, @bufbuild/cel 0.6.1, @marcbachmann/cel-js 8.0.0: as stated"

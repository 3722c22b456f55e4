#!/usr/bin/env bash
# Guess:   in CEL has(user.end) is true when the key is there with null in it, as in {"end": null}.
# So:      in @bufbuild/cel 0.6.1 (npm) it is false, and so is "end" in user; yet user.end == null is true, and a key
#          that is not there raises an error. @marcbachmann/cel-js 8.0.0 (npm) and cel-python 0.5.0 (PyPI) say true to
#          all three.
# Matters: HR sends an end date of null for people who stay. One rule has two verdicts: of the policy's author on a web
#          page, and of the server.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cel-python==0.5.0
cat >run.mjs <<'JS'
import assert from 'node:assert';
import { isCelError, run } from '@bufbuild/cel';
import { evaluate } from '@marcbachmann/cel-js';

const user = { id: 'lena', end: null };
const rules = ['has(user.end)', "'end' in user", 'user.end == null'];
const bufbuild = rules.map(rule => run(rule, { user }));
const celJs = rules.map(rule => evaluate(rule, { user }));
console.log('               ', rules);
console.log('@bufbuild/cel  ', bufbuild);
console.log('cel-js         ', celJs);
assert.deepStrictEqual(bufbuild, [false, false, true]);
assert.deepStrictEqual(celJs, [true, true, true]);
assert.ok(isCelError(run('user.start == null', { user })));
JS
node run.mjs
venv/bin/python - <<'PY'
import celpy

environment = celpy.Environment()
user = celpy.json_to_cel({"id": "lena", "end": None})
rules = ["has(user.end)", "'end' in user", "user.end == null"]
found = [bool(environment.program(environment.compile(rule)).evaluate({"user": user})) for rule in rules]
print("cel-python     ", found)
assert found == [True, True, True], found
PY
echo "@bufbuild/cel 0.6.1, @marcbachmann/cel-js 8.0.0, cel-python 0.5.0: as stated"

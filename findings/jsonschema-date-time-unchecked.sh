#!/usr/bin/env bash
# Guess:   a validator that is given a format checker checks "date-time" as it checks "date".
# So:      jsonschema 4.26.0 (PyPI) refuses "2026-02-30" as a date, and takes "yesterday" as a date-time: for that it
#          wants another package, and does not say that it is missing. With jsonschema[format] it refuses both.
#          fastjsonschema 2.22.3 (PyPI), and ajv 8.20.0 with ajv-formats 3.0.1 (npm), refuse both as they are.
# Matters: HR's events are let in by a schema that seems to check the instants, and a leave date of any text reaches the
#          code behind it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ajv@8.20.0 ajv-formats@3.0.1
cat >run.js <<'JS'
const assert = require('node:assert');
const ajv = new (require('ajv'))();
require('ajv-formats')(ajv);
const taken = [['date', '2026-02-30'], ['date-time', 'yesterday']].map(
  ([format, text]) => ajv.validate({ type: 'string', format }, text),
);
console.log('ajv:               ', taken);
assert.deepStrictEqual(taken, [false, false]);
JS
node run.js
cat >run.py <<'PY'
import sys

import fastjsonschema
import jsonschema

CASES = [("date", "2026-02-30"), ("date-time", "yesterday")]
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
taken = [
    jsonschema.Draft202012Validator({"format": kind}, format_checker=checker).is_valid(text) for kind, text in CASES
]
print(f"jsonschema {sys.argv[1]:9}", taken)
assert taken == ([False, True] if sys.argv[1] == "alone" else [False, False]), taken
for kind, text in CASES:
    try:
        fastjsonschema.validate({"type": "string", "format": kind}, text)
        raise SystemExit(f"fastjsonschema took {text}")
    except fastjsonschema.JsonSchemaException as error:
        print("fastjsonschema:    ", error)
PY
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jsonschema==4.26.0 fastjsonschema==2.22.3
venv/bin/python run.py alone
venv/bin/pip install --quiet --disable-pip-version-check "jsonschema[format]==4.26.0"
venv/bin/python run.py "[format]"
echo "jsonschema 4.26.0, fastjsonschema 2.22.3, ajv 8.20.0: as stated"

#!/usr/bin/env bash
# Guess:   in a SCIM filter "and" binds tighter than "or" (RFC 7644, 3.4.2.2), so A or B and C is A or (B and C).
# So:      scim2-filter-parser 0.7.0 (PyPI) takes it from left to right: (A or B) and C. scim2-parse-filter 0.2.10 (npm)
#          reads it as the RFC does.
# Matters: the same filter finds different people in two services; one of them leaves somebody out of a clean-up.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund scim2-parse-filter@0.2.10
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check scim2-filter-parser==0.7.0
cat >run.py <<'PY'
import sqlite3

from scim2_filter_parser.queries import SQLQuery

RULE = 'userType eq "Contractor" or title eq "Intern" and active eq false'
COLUMNS = {(name, None, None): f"users.{name}" for name in ("userType", "title", "active")}
database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE users (id, userType, title, active)")
database.execute("INSERT INTO users VALUES ('lena', 'Contractor', 'Engineer', 'TRUE')")
query = SQLQuery(RULE, "users", COLUMNS, [])
print(" ".join(query.sql.split()), query.params)
found = database.execute(query.sql.replace("%s", "?"), query.params).fetchall()
print("scim2-filter-parser finds", found)
assert found == [], found
assert ") OR (" in query.sql and ")) AND (" in query.sql, query.sql
PY
venv/bin/python run.py
cat >run.js <<'JS'
const assert = require('node:assert');
const { filter, parse } = require('scim2-parse-filter');
const rule = parse('userType eq "Contractor" or title eq "Intern" and active eq false');
const found = [{ id: 'lena', userType: 'Contractor', title: 'Engineer', active: true }].filter(filter(rule));
console.log('scim2-parse-filter finds', found.map(user => user.id));
assert.strictEqual(found.length, 1);
JS
node run.js
echo "scim2-filter-parser 0.7.0, scim2-parse-filter 0.2.10: as stated"

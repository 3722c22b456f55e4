#!/usr/bin/env bash
# Guess:   SCIM names are case-insensitive, so a PATCH of "Active" sets the user's "active".
# So:      scim-patch 0.8.3 (npm) adds a second attribute, "Active": false. "active" stays true, and no error is raised.
#          Inside a value filter ("Type eq") it does take another case.
# Matters: an identity provider that spells the name its own way ends nobody's access, and is told that it did.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund scim-patch@0.8.3
cat >run.js <<'JS'
const assert = require('node:assert');
const { scimPatch } = require('scim-patch');
const user = () => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
  userName: 'lena', active: true, emails: [{ type: 'work', value: 'lena@acme.example' }],
});
const patched = operation => scimPatch(user(), [operation]);

const operations = [{ op: 'replace', path: 'Active', value: false }, { op: 'replace', value: { Active: false } }];
for (const operation of operations) {
  const { active, Active } = patched(operation);
  console.log(JSON.stringify(operation), '->', { active, Active });
  assert.deepStrictEqual({ active, Active }, { active: true, Active: false });
}
const named = patched({ op: 'replace', path: 'emails[Type eq "work"].value', value: 'l@acme.example' }).emails;
console.log('emails[Type eq "work"].value ->', named);
assert.deepStrictEqual(named, [{ type: 'work', value: 'l@acme.example' }]);
JS
node run.js
echo "scim-patch 0.8.3: as stated"

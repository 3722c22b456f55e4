#!/usr/bin/env bash
# Guess:   in a SCIM filter not (A or B) finds the people who are neither A nor B.
# So:      SCIMMY 1.3.5 (npm) negates each part and keeps the "or" between them: people who lack A or lack B. Of not (A
#          and B) it makes (not A) and (not B).
# Matters: "everybody but contractors and the inactive" finds contractors and the inactive too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund scimmy@1.3.5
cat >run.mjs <<'JS'
import assert from 'node:assert';
import SCIMMY from 'scimmy';
const people = [
  { userName: 'ada', userType: 'Employee', active: true },
  { userName: 'lena', userType: 'Contractor', active: true },
  { userName: 'otto', userType: 'Employee', active: false },
];
const expect = (rule, names) => {
  const found = new SCIMMY.Types.Filter(rule).match(people).map(person => person.userName);
  console.log(rule, '->', found);
  assert.deepStrictEqual(found, names);
};
// Right: ada.
expect('not (userType eq "Contractor" or active eq false)', ['ada', 'lena', 'otto']);
// Right: all three, as nobody is both.
expect('not (userType eq "Contractor" and active eq false)', ['ada']);
// A negation of one comparison is right.
expect('not (userType eq "Contractor") and not (active eq false)', ['ada']);
JS
node run.mjs
echo "SCIMMY 1.3.5: as stated"

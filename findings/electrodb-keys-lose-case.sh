#!/usr/bin/env bash
# Guess:   two people whose ids differ in case only are two items.
# So:      electrodb 3.9.3 (npm) puts the values of keys in lower case unless an index says casing: 'none'. The second
#          person is written over the first; the attribute keeps the case, so what is read looks right. Another
#          organisation whose name differs in case has the same keys, too.
# Matters: ids of 15 characters, as Salesforce has them, differ in case only. HR says that one person leaves, and the
#          record of another is what is changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund electrodb@3.9.3
cat >run.js <<'JS'
const assert = require('node:assert');
const { Entity } = require('electrodb');

const people = casing => new Entity({
  model: { entity: 'person', version: '1', service: 'hr' },
  attributes: { org: { type: 'string' }, id: { type: 'string' } },
  indexes: {
    primary: { pk: { field: 'pk', composite: ['org'], ...casing }, sk: { field: 'sk', composite: ['id'], ...casing } },
  },
}, { table: 'people' });

const written = (casing, org, id) => people(casing).put({ org, id }).params().Item;
const key = ({ pk, sk }) => `${pk} ${sk}`;

const [lena, otto] = ['0035g00000AbCdE', '0035g00000aBcDe'].map(id => written({}, 'acme', id));
console.log(lena);
console.log(otto);
assert.notStrictEqual(lena.id, otto.id);
assert.strictEqual(key(lena), key(otto));
assert.strictEqual(key(written({}, 'ACME', lena.id)), key(lena));

const [one, two] = [lena, otto].map(({ id }) => written({ casing: 'none' }, 'acme', id));
console.log(`casing 'none': ${one.sk} and ${two.sk}`);
assert.notStrictEqual(key(one), key(two));
JS
node run.js
echo "electrodb 3.9.3: as stated"

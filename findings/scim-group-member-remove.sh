#!/usr/bin/env bash
# Guess:   {"op": "remove", "path": "members", "value": [{"value": "u1"}]}, which Microsoft Entra ID sends, takes u1 out
#          of a group in every SCIM library.
# So:      three libraries, three answers. scim-patch 0.8.3 (npm) compares whole values: where the group keeps a display
#          name too, u1 stays, without an error. SCIMMY 1.3.5 (npm) removes u1. scim2-models 0.12.3 (PyPI) refuses the
#          request, as RFC 7644 has no value in a remove.
# Matters: a leaver stays in the group of the admins, and the answer was a success.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund scim-patch@0.8.3 scimmy@1.3.5
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check scim2-models==0.12.3
cat >run.mjs <<'JS'
import assert from 'node:assert';
import { scimPatch } from 'scim-patch';
import SCIMMY from 'scimmy';
const group = () => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'], id: 'g1', displayName: 'Admins',
  members: [{ value: 'u1', display: 'Lena' }, { value: 'u2', display: 'Otto' }],
});
const Operations = [{ op: 'remove', path: 'members', value: [{ value: 'u1' }] }];
const ids = ({ members }) => members.map(member => member.value);

const patched = ids(scimPatch(group(), structuredClone(Operations)));
console.log('scim-patch   members:', patched);
assert.deepStrictEqual(patched, ['u1', 'u2']);

const message = new SCIMMY.Messages.PatchOp({ schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations });
const applied = ids(await message.apply(new SCIMMY.Schemas.Group(group(), 'out', '/Groups')));
console.log('SCIMMY       members:', applied);
assert.deepStrictEqual(applied, ['u2']);
JS
node run.mjs
venv/bin/python - <<'PY'
from pydantic import ValidationError
from scim2_models import Context, Group, PatchOp

body = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "remove", "path": "members", "value": [{"value": "u1"}]}],
}
try:
    PatchOp[Group].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
    raise SystemExit("scim2-models took it")
except ValidationError as error:
    message = error.errors()[0]["msg"]
print("scim2-models refuses:", message)
assert "carries no value" in message, message
PY
echo "scim-patch 0.8.3, SCIMMY 1.3.5, scim2-models 0.12.3: as stated"

#!/usr/bin/env bash
# Guess:   UpdateUserRequest.from_dict with three profile attributes is a partial update of these three.
# So:      in okta 3.4.6 (PyPI) its body has 27 attributes, 24 of them null: city, costCenter, displayName, manager,
#          title and so on. The same model made with its constructor sends the three.
# Matters: in a partial update Okta keeps what is left out, and clears what is null (okta/okta-mcp-server, issue 119). A
#          job that marks a leaver, from a dict as it comes from a file or a queue, clears the profile.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check okta==3.4.6
venv/bin/python - <<'PY'
import json

from okta.models import UpdateUserRequest, UserProfile

WANTED = {"firstName": "Lena", "lastName": "Lindqvist", "department": "Left"}
made = UpdateUserRequest(profile=UserProfile(first_name="Lena", last_name="Lindqvist", department="Left"))
print("by the constructor:", made.to_json())
assert json.loads(made.to_json()) == {"profile": WANTED}

read = json.loads(UpdateUserRequest.from_dict({"profile": WANTED}).to_json())["profile"]
nulls = sorted(name for name, value in read.items() if value is None)
print("by from_dict:", {name: read[name] for name in WANTED}, "and null:", *nulls)
assert len(read) == 27 and len(nulls) == 24, read
assert {"displayName", "manager", "title"} <= set(nulls), nulls
PY
echo "okta 3.4.6: as stated"

#!/usr/bin/env bash
# Guess:   ldap3 reads accountExpires, which is 0 or 9223372036854775807 for "never", as never in both cases.
# So:      ldap3 2.9.1 (PyPI) gives the year 9999 for the large number, and 1 January 1601 for 0.
# Matters: 0 is what stands there when an administrator has ticked "never". A job that ends the access of everybody
#          whose date has passed ends theirs. A filter (accountExpires<=...) finds them, too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ldap3==2.9.1
venv/bin/python - <<'PY'
from ldap3 import MOCK_SYNC, OFFLINE_AD_2012_R2, Connection, Server

connection = Connection(Server("directory", get_info=OFFLINE_AD_2012_R2), client_strategy=MOCK_SYNC)
for name, expires in {"ada": "9223372036854775807", "lena": "0", "otto": "134167968000000000"}.items():
    person = {"objectClass": ["user"], "cn": name, "accountExpires": expires}
    connection.strategy.add_entry(f"cn={name},dc=acme", person)
connection.bind()


def found(rule):
    connection.search("dc=acme", rule, attributes=["cn", "accountExpires"])
    return {entry.cn.value: entry.accountExpires.value.isoformat() for entry in connection.entries}


everybody = found("(objectClass=user)")
print(everybody)
assert everybody == {
    "ada": "9999-12-31T23:59:59.999999+00:00",
    "lena": "1601-01-01T00:00:00+00:00",
    "otto": "2026-03-01T00:00:00+00:00",
}, everybody
until_march = found("(accountExpires<=134167968000000000)")
print("expired by March 2026:", *until_march)
assert set(until_march) == {"lena", "otto"}, until_march
PY
echo "ldap3 2.9.1: as stated"

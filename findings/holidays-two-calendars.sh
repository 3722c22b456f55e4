#!/usr/bin/env bash
# Guess:   two well-kept calendars agree on the public holidays of Ontario, and of the Netherlands, in 2026.
# So:      holidays 0.109 (PyPI) and date-holidays 3.37.0 (npm) do not. For Ontario only the second has Easter Monday,
#          and only the first has Monday 28 December, for Boxing Day on a Saturday. For the Netherlands only the first
#          has Good Friday. For Berlin, England, Sweden and the United States they agree.
# Matters: "three working days of grace" ends on two days, by the page that shows it and by the server that acts.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund date-holidays@3.37.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check holidays==0.109
cat >run.js <<'JS'
const Holidays = require('date-holidays');
const places = [['CA', 'ON'], ['NL'], ['DE', 'BE'], ['GB', 'ENG'], ['SE'], ['US']];
const days = place => {
  const all = new Holidays(...place).getHolidays(2026);
  return all.filter(day => day.type === 'public').map(day => day.date.slice(0, 10));
};
console.log(JSON.stringify(Object.fromEntries(places.map(place => [place.join('-'), days(place)]))));
JS
node run.js >npm.json
venv/bin/python - <<'PY'
import json

import holidays

with open("npm.json") as file:
    by_npm = json.load(file)
found = {}
for place, there in by_npm.items():
    country, _, region = place.partition("-")
    calendar = holidays.country_holidays(country, subdiv=region or None, years=2026)
    here = {day.isoformat(): name for day, name in calendar.items()}
    found[place] = sorted(set(here) - set(there)), sorted(set(there) - set(here))
    named = [(day, here[day]) for day in found[place][0]]
    print(f"{place:7} only in holidays: {named}, only in date-holidays: {found[place][1]}")
assert found == {
    "CA-ON": (["2026-12-28"], ["2026-04-06"]),
    "NL": (["2026-04-03"], []),
    "DE-BE": ([], []),
    "GB-ENG": ([], []),
    "SE": ([], []),
    "US": ([], []),
}, found
PY
echo "holidays 0.109, date-holidays 3.37.0: as stated"

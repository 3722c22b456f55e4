#!/usr/bin/env bash
# Guess:   three working days after Saturday 7 March 2026 is Wednesday 11 March, in every library.
# So:      pandas 2.3.3 and workalendar 17.0.0 (PyPI) and date-fns 4.4.0 (npm) say Wednesday. numpy 2.2.6 (PyPI) refuses
#          the Saturday, and with roll="forward", which reads like the way out, says Thursday: it goes to Monday first,
#          and counts from there. roll="backward" says Wednesday. Of zero days they make three dates.
# Matters: a leaver whom HR marks on a weekend has a day more or less of grace, by which library counts.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund date-fns@4.4.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.2.6 pandas==2.3.3 workalendar==17.0.0
cat >run.js <<'JS'
const { addBusinessDays, format } = require('date-fns');
console.log([3, 0].map(days => format(addBusinessDays(new Date(2026, 2, 7, 12), days), 'yyyy-MM-dd')).join(' '));
JS
read -r three zero < <(node run.js)
cat >run.py <<'PY'
import sys
from datetime import date

import numpy
import pandas
from workalendar.core import WesternCalendar

SATURDAY = date(2026, 3, 7)
ways = {
    "pandas BDay": lambda days: (pandas.Timestamp(SATURDAY) + pandas.offsets.BDay(days)).date(),
    "workalendar": lambda days: WesternCalendar().add_working_days(SATURDAY, days),
    "numpy, forward": lambda days: numpy.busday_offset(SATURDAY, days, roll="forward"),
    "numpy, backward": lambda days: numpy.busday_offset(SATURDAY, days, roll="backward"),
}
found = {way: [str(count(days)) for days in (3, 0)] for way, count in ways.items()}
found["date-fns"] = sys.argv[1:]
for way, days in found.items():
    print(f"{way:16} three days: {days[0]}, none: {days[1]}")
assert found == {
    "pandas BDay": ["2026-03-11", "2026-03-09"],
    "workalendar": ["2026-03-11", "2026-03-07"],
    "numpy, forward": ["2026-03-12", "2026-03-09"],
    "numpy, backward": ["2026-03-11", "2026-03-06"],
    "date-fns": ["2026-03-11", "2026-03-07"],
}, found
try:
    numpy.busday_offset(SATURDAY, 3)
    raise SystemExit("numpy took the Saturday")
except ValueError as error:
    print("numpy, not told:", error)
PY
venv/bin/python run.py "$three" "$zero"
echo "numpy 2.2.6, pandas 2.3.3, workalendar 17.0.0, date-fns 4.4.0: as stated"

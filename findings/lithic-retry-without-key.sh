#!/usr/bin/env bash
# Guess:   a card issuer's SDK that retries a POST by itself gives each try the same idempotency key.
# So:      lithic 0.133.0 (PyPI) sends the creation of a card up to three times, without a key. increase 0.552.0 (PyPI),
#          made with the same generator, sends one key with all three.
# Matters: a 500 or a time-out may come after the card was made: one call can make three cards. A leaver's "card" is
#          then cancelled, and two stay. Set max_retries=0, or find what is there first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check lithic==0.133.0 increase==0.552.0
venv/bin/python - <<'PY'
import http.server
import json
import threading

calls = []


class Issuer(http.server.BaseHTTPRequestHandler):
    """Fails twice, then answers. It notes the idempotency key of each request."""

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        calls.append((self.command, self.headers.get("idempotency-key")))
        done = len(calls) > 2
        body = json.dumps({"id": "card_1", "token": "card_1"} if done else {"error": {"message": "busy"}}).encode()
        self.send_response(200 if done else 500)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"

import increase
import lithic

lithic.Lithic(api_key="test", base_url=URL).cards.create(type="VIRTUAL")
print("lithic  ", calls)
assert calls == [("POST", None)] * 3, calls

calls.clear()
increase.Increase(api_key="test", base_url=URL).cards.create(account_id="account_1")
print("increase", calls)
assert [method for method, _ in calls] == ["POST"] * 3, calls
assert None not in calls[0] and len(set(calls)) == 1, calls
PY
echo "lithic 0.133.0, increase 0.552.0: as stated"

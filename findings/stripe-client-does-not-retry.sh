#!/usr/bin/env bash
# Guess:   stripe.max_network_retries is 2, so each call of the SDK is retried twice.
# So:      in stripe 16.1.0 (PyPI) that holds for calls by the classes (stripe.issuing.Card). A StripeClient, the way
#          that Stripe recommends, does not retry unless it is told to: max_network_retries=2.
# Matters: code that moves to StripeClient loses its retries without a word, and one 500 leaves a leaver's card active.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check stripe==16.1.0
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
        body = json.dumps({"id": "card_1"} if done else {"error": {"message": "busy"}}).encode()
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

import stripe


def tries(call):
    calls.clear()
    try:
        call()
        end = "then 200"
    except stripe.APIError:
        end = "then an error"
    return len(calls), len(set(calls)), end


def expect(what, call, answer):
    found = tries(call)
    print(f"{what:45} {found[0]} requests, {found[1]} key, {found[2]}")
    assert found == answer, found


def client(**options):
    return stripe.StripeClient("sk_test_1", base_addresses={"api": URL}, **options).v1.issuing.cards


stripe.api_key, stripe.api_base = "sk_test_1", URL
assert stripe.max_network_retries == 2
cancel = {"status": "canceled"}
expect("stripe.issuing.Card.modify", lambda: stripe.issuing.Card.modify("ic_1", **cancel), (3, 1, "then 200"))
expect("StripeClient", lambda: client().update("ic_1", cancel), (1, 1, "then an error"))
told = client(max_network_retries=2)
expect("StripeClient with max_network_retries=2", lambda: told.update("ic_1", cancel), (3, 1, "then 200"))
PY
echo "stripe 16.1.0: as stated"

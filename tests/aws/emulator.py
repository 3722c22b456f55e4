"""MiniStack, an emulator of AWS that we did not write, in a process of its own on a free port of loopback."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3

REGION = "eu-central-1"
START_WITHIN = 60


class Emulator:
    """It has the account's root key, of which none is needed, and no Docker: functions run as processes of the host."""

    def __init__(self, folder, trusted):
        """`trusted` is a file of certificates: MiniStack fetches the issuer's keys itself."""
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "ministack.log"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            # What the functions are given as theirs.
            "AWS_ENDPOINT_URL": self.url,
            # Policies are evaluated, and each function has the credentials of its own role.
            "AUTH": "true",
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "SSL_CERT_FILE": str(trusted),
            # It would listen there on ports of their own, fixed ones.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        with open(self.log, "wb") as log:
            command = [sys.executable, "-m", "ministack"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)

    def wait(self):
        until = time.monotonic() + START_WITHIN
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                return self.get("/_ministack/health")
            except (OSError, ValueError):
                time.sleep(0.2)
        sys.exit(f"MiniStack does not answer; it said:\n{self.log.read_text()[-4000:]}")

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def mails(self):
        """What SES accepted, oldest first."""
        accounts = self.get("/_ministack/ses/messages")["messages"].values()
        return [{"to": one["To"], "text": one["BodyText"]} for account in accounts for one in account]

    def logs(self):
        """The functions' log lines, oldest first."""
        logs = self.client("logs")
        groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
        events = [logs.filter_log_events(logGroupName=group["logGroupName"])["events"] for group in groups]
        lines = sorted((one["timestamp"], one["message"]) for group in events for one in group)
        return "\n".join(message.rstrip() for _, message in lines)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

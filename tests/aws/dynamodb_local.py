#!/usr/bin/env python3
"""The flows of tests/suite with their items in Amazon's own DynamoDB Local, instead of the embedded emulator.

    python tests/aws/dynamodb_local.py             # all of them; needs Java 17 and npm, and gets the jar from npm
    python tests/aws/dynamodb_local.py grace bulk  # those whose names contain one of these
    python tests/aws/dynamodb_local.py --jar DIR   # with a DynamoDB Local that is there already
"""

import argparse
import base64
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The npm package that carries the jar, with the checksum that npm's registry has for it.
PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
START_WITHIN = 60


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jar", type=Path, help="the folder of DynamoDBLocal.jar")
    options.add_argument("tests", nargs="*", help="parts of names of tests")
    chosen = options.parse_args()
    # Who is told to end stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "ci"
    jar = chosen.jar or fetched(target / "dynamodb-local")
    with tempfile.TemporaryDirectory(prefix="offramp-dynamodb-") as folder:
        process, url = started(jar, Path(folder))
        try:
            environment = {**os.environ, "OFFRAMP_DYNAMODB_URL": url}
            command = ["cargo", "test", "--workspace", "--test", "suite", "--", *chosen.tests]
            sys.exit(subprocess.run(command, cwd=ROOT, env=environment).returncode)
        finally:
            process.terminate()
            process.wait(timeout=20)


def fetched(folder):
    """The folder of the jar, from npm unless it is there."""
    jar = folder / "package" / "emulator"
    if not (jar / "DynamoDBLocal.jar").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", PACKAGE, "--pack-destination", str(folder)]
        name = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
        archive = folder / name
        checked(archive)
        with tarfile.open(archive) as files:
            files.extractall(folder)
        archive.unlink()
    return jar


def checked(archive):
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != SHA512:
        archive.unlink()
        sys.exit(f"{PACKAGE} is not what it was: sha512-{found}")


def started(jar, folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = open(folder / "log", "wb")
    # In memory; and without -sharedDb each access key has tables of its own, as each stack of the suite needs.
    command = ["java", f"-Djava.library.path={jar / 'DynamoDBLocal_lib'}", "-jar", str(jar / "DynamoDBLocal.jar")]
    command += ["-inMemory", "-port", str(port), "-disableTelemetry"]
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    until = time.monotonic() + START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"http://127.0.0.1:{port}"
        time.sleep(0.2)
    sys.exit(f"DynamoDB Local does not answer:\n{(folder / 'log').read_text()}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Builds the functions, deploys `template.yaml` on an emulator that is not ours, and drives the main job on it.

    pip install -r tests/aws/requirements.txt
    python tests/aws/run.py                     # on MiniStack, in about five minutes, on free ports of loopback
    python tests/aws/run.py --stack-name NAME   # on a stack that is deployed in your account

A real stack must have been deployed with BootstrapSubject as the e-mail address of who runs this, whose token is in
OFFRAMP_TOKEN. The organisation (OFFRAMP_ORG, `trial` unless set) must be the one in the token; it is given people, a
source and an admin, so take one that is for trying. Where StagingDaySeconds is not short, there is no waiting for days:
the organisation is set to deactivate at once. At the end it invokes `apply` and its alias, and asks IAM's simulator what a
timer may; who runs this needs the rights to do both.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import boto3
import yaml

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())
REGION = "eu-central-1"
# SAM's translator asks for a region; nothing is sent there.
os.environ.setdefault("AWS_DEFAULT_REGION", REGION)

from deploy import deploy  # noqa: E402
from deployed import Deployed, operations, story, timers  # noqa: E402
from emulator import Emulator  # noqa: E402
from issuer import Issuer  # noqa: E402

ADMIN, AUDIENCE, ORG = "ada.okafor@acme.example", "offramp", "acme"
SHORT_DAY = 120
QUEUES = ("TimerDeadLettersUrl", "FailedInvocationsUrl", "StreamFailuresUrl")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stack-name", help="a stack in your account, instead of MiniStack")
    options.add_argument("--binaries", type=Path, help="a folder of built functions, instead of building them")
    options.add_argument("--release", action="store_true", help="build them as they are deployed; takes longer")
    chosen = options.parse_args()
    # Who is told to end stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if chosen.stack_name:
        real(chosen.stack_name)
    else:
        emulated(chosen.binaries or build(chosen.release))
    print("\nAll of it holds.")


def build(release):
    """For this machine's processor, since MiniStack runs them here.

    A debug build unless asked otherwise: what is tried here is the template and the protocols, most of the debug build
    stands after `cargo test`, and the release profile takes minutes for each function. Its size and speed are the bench's.
    """
    chosen = ["--workspace", "--bins"]
    if release:
        chosen = ["--release", *(part for name in FUNCTIONS for part in ("--package", name))]
    subprocess.run(["cargo", "build", *chosen], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / ("release" if release else "debug")


def emulated(binaries):
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    with tempfile.TemporaryDirectory(prefix="offramp-aws-") as folder:
        folder = Path(folder)
        issuer = Issuer(folder)
        emulator = Emulator(folder, issuer.certificate)
        try:
            emulator.wait()
            on(emulator, issuer, binaries)
        except BaseException:
            print(f"\nMiniStack said last:\n{emulator.log.read_text()[-3000:]}", file=sys.stderr)
            if emulator.process.poll() is None:
                print(f"\nThe functions said last:\n{emulator.logs()[-6000:]}", file=sys.stderr)
            raise
        finally:
            emulator.stop()


def on(emulator, issuer, binaries):
    template = ROOT / "template.yaml"
    parameters = {
        "OidcIssuer": issuer.url,
        "OidcAudience": AUDIENCE,
        "BootstrapSubject": ADMIN,
        "MailSender": "offramp@offramp.example",
        "MailIdentity": "offramp.example",
        "Architecture": "x86_64",
    }
    short = "StagingDaySeconds" in yaml.load(template.read_text(), Loader=yaml.BaseLoader)["Parameters"]
    if short:
        parameters["StagingDaySeconds"] = SHORT_DAY
    mail = emulator.client("sesv2")
    mail.create_email_identity(EmailIdentity=parameters["MailIdentity"])
    print("Deploying template.yaml on MiniStack", flush=True)
    outputs = deploy(emulator, template, binaries, "offramp", parameters)
    api = outputs["ApiUrl"].removeprefix("https://").split(".")[0]
    host = f"{api}.execute-api.localhost:{emulator.port}"
    token = issuer.token(AUDIENCE, org=ORG, email=ADMIN)
    stack = Deployed(emulator.url, ORG, token, ADMIN, host)
    day = timedelta(seconds=SHORT_DAY) if short else None
    story(stack, day, emulator.mails, lambda: waiting(emulator.client("sqs"), outputs))
    operations(emulator.client("lambda"), "offramp", ORG)
    timers(emulator.client("iam"), emulator.client("cloudformation"), "offramp")


def real(name):
    [found] = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
    parameters = {given["ParameterKey"]: given["ParameterValue"] for given in found["Parameters"]}
    day = timedelta(seconds=int(parameters.get("StagingDaySeconds", 86_400)))
    token = os.environ.get("OFFRAMP_TOKEN") or sys.exit("OFFRAMP_TOKEN is not set")
    org = os.environ.get("OFFRAMP_ORG", "trial")
    stack = Deployed(outputs["ApiUrl"], org, token, parameters["BootstrapSubject"])
    short = day if day <= timedelta(minutes=15) else None
    story(stack, short, None, lambda: waiting(boto3.client("sqs"), outputs))
    operations(boto3.client("lambda"), name, org)
    timers(boto3.client("iam"), boto3.client("cloudformation"), name)


def waiting(sqs, outputs):
    """How many messages lie in the queues of what was given up."""
    asked = [sqs.get_queue_attributes(QueueUrl=outputs[name], AttributeNames=["All"]) for name in QUEUES]
    return sum(int(one["Attributes"]["ApproximateNumberOfMessages"]) for one in asked)


if __name__ == "__main__":
    main()

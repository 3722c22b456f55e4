#!/usr/bin/env python3
"""`template.yaml`, translated by SAM's own translator, is well within what AWS takes, and nothing else says so.

    pip install -r tests/aws/requirements.txt
    python tests/aws/limits.py

A function's resource policy has 20 KB, which nobody can raise. Each AWS::Lambda::Permission is a statement of it, and SAM
makes one for each event of a function: a function with fifty routes among its Events cannot be deployed.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html,
https://repost.aws/knowledge-center/lambda-resource-based-policy-size-error,
https://github.com/aws/serverless-application-model/issues/337

A template has 500 resources and 1 MB.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

import copy
import json
import os
import re
import sys
from pathlib import Path

# SAM's translator asks for a region; nothing is sent there.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samtranslator.yaml_helper import yaml_parse  # noqa: E402

from deploy import without_sam  # noqa: E402

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
POLICY_BYTES, RESOURCES, TEMPLATE_BYTES = 10_000, 400, 800_000
# As long as they get: a stack's name has at most 38 characters (template.yaml says why).
STACK = "offramp-with-the-longest-possible-name"
PSEUDO = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": STACK,
}
PARAMETERS = {
    "OidcIssuer": "https://issuer.example",
    "OidcAudience": "offramp",
    "MailSender": "offramp@offramp.example",
    "MailIdentity": "offramp.example",
}


def main():
    assert len(STACK) == 38
    document = packaged(yaml_parse(TEMPLATE.read_text()))
    translated = without_sam(copy.deepcopy(document), PARAMETERS)
    wrong = []

    def hold(found, most, what):
        print(f"  {'ok  ' if found < most else 'FAIL'}  {what}: {found:,} of {most:,}", flush=True)
        if found >= most:
            wrong.append(what)

    hold(len(translated["Resources"]), RESOURCES, "resources")
    hold(len(json.dumps(translated)), TEMPLATE_BYTES, "bytes of the translated template")
    for function, size in policies(translated).items():
        hold(size, POLICY_BYTES, f"bytes of the resource policy of {function}")

    # That the measure can fail: the same routes as Events.
    largest = max(policies(without_sam(with_events(document), PARAMETERS)).values())
    print(f"        with the routes among its Events, the largest would be {largest:,}", flush=True)
    if largest < POLICY_BYTES:
        wrong.append("what routes among Events would make")
    if wrong:
        sys.exit(f"\nNot as it should be: {', '.join(wrong)}. A route is a row of functions/*/src/routes.rs, no Event.")


def packaged(document):
    """With code as `sam package` names it, without which SAM translates nothing."""
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://aws-sam-cli-managed-default-samclisourcebucket-{'0' * 12}/{'0' * 32}"
    return document


def policies(translated):
    """How many bytes each function's resource policy has, by the function's id."""
    resources = translated["Resources"]
    statements = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Permission":
            match resource["Properties"]["FunctionName"]:
                case {"Ref": function} | {"Fn::GetAtt": [function, _]}:
                    statements.setdefault(function, []).append(statement(resources, name, function))
                case other:
                    raise ValueError(f"{name} is of {other}, which is no function of the template")
    return {
        function: len(json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": all}, separators=(",", ":")))
        for function, all in statements.items()
    }


def statement(resources, name, function):
    """What Lambda adds to the policy of the function for a permission."""
    given = resources[name]["Properties"]
    condition = {}
    if "SourceAccount" in given:
        condition["StringEquals"] = {"AWS:SourceAccount": text(resources, given["SourceAccount"])}
    if "SourceArn" in given:
        condition["ArnLike"] = {"AWS:SourceArn": text(resources, given["SourceArn"])}
    return {
        "Sid": physical(resources, name),
        "Effect": "Allow",
        "Principal": {"Service": given["Principal"]},
        "Action": given["Action"],
        "Resource": arn("lambda", f"function:{text(resources, resources[function]['Properties']['FunctionName'])}"),
        "Condition": condition,
    }


def text(resources, value):
    """A value as CloudFormation resolves it, with names as long as they get."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return PSEUDO.get(name) or physical(resources, name)
        case {"Fn::GetAtt": [name, "Arn"]} if resources[name]["Type"] == "AWS::Events::Rule":
            return arn("events", f"rule/{physical(resources, name)}")
        case {"Fn::Sub": str(pattern)}:
            return re.sub(r"\$\{([\w:]+)}", lambda found: text(resources, {"Ref": found[1]}), pattern)
        case {"Fn::Sub": [pattern, own]}:
            own = {name: text(resources, one) for name, one in own.items()}
            filled = re.sub(r"\$\{(\w+)}", lambda found: own.get(found[1], found[0]), pattern)
            return text(resources, {"Fn::Sub": filled})
    raise ValueError(f"this check cannot resolve {value}")


def physical(resources, name):
    """An API's id has ten characters; other names are the stack's, the resource's and twelve of CloudFormation's own."""
    chosen = resources[name]["Type"].startswith("AWS::ApiGatewayV2::")
    return "abcdefghij" if chosen else f"{STACK}-{name}-ABCDEFGHIJKL"


def arn(service, resource):
    return f"arn:{PSEUDO['AWS::Partition']}:{service}:{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}:{resource}"


def with_events(document):
    """The same routes where SAM makes a permission for each."""
    document = copy.deepcopy(document)
    resources = document["Resources"]
    for name, route in list(resources.items()):
        if route["Type"] == "AWS::ApiGatewayV2::Route":
            [function] = re.findall(r"\{(\w+)Integration}", route["Properties"]["Target"]["Fn::Sub"])
            method, path = route["Properties"]["RouteKey"].split()
            event = {"Type": "HttpApi", "Properties": {"Method": method, "Path": path}}
            resources[function]["Properties"].setdefault("Events", {})[name.removesuffix("Route")] = event
    return document


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Guess:   SAM gives API Gateway one permission to call a function, however many routes the function has; or the linter
#          says when there are too many.
# So:      aws-sam-translator 1.115.0 (PyPI) makes one AWS::Lambda::Permission for each route. 80 routes are 80
#          statements of one function's policy, over 25 KB, while AWS allows 20 KB. cfn-lint 1.58.0 (PyPI) finds
#          nothing, neither in the template nor in what it is translated to.
# Matters: an admin API with one function grows route by route, until a deployment fails. One permission for the whole
#          API, and routes in an OpenAPI body, is the way out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cfn-lint==1.58.0 aws-sam-translator==1.115.0 boto3==1.44.8
cat >run.py <<'PY'
import json
import os
import subprocess

os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"
from samtranslator.translator.transform import transform

ROUTES = 80


class NoManagedPolicies:
    def load(self):
        return {}


def linted(template):
    with open("template.json", "w") as file:
        json.dump(template, file)
    command = ["venv/bin/cfn-lint", "--format", "json", "--regions", "eu-central-1", "--template", "template.json"]
    return [one["Message"] for one in json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)]


events = {
    f"Route{number}": {
        "Type": "HttpApi",
        "Properties": {"ApiId": {"Ref": "Api"}, "Method": "GET", "Path": f"/v1/orgs/{{org}}/resource-{number}"},
    }
    for number in range(ROUTES)
}
admin = {"Runtime": "provided.al2023", "Handler": "bootstrap", "CodeUri": "s3://bucket/key", "Events": events}
template = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Api": {"Type": "AWS::Serverless::HttpApi"},
        "Admin": {"Type": "AWS::Serverless::Function", "Properties": admin},
    },
}
findings = linted(template)
translated = transform(template, {}, NoManagedPolicies())
findings += linted(translated)
permissions = [one for one in translated["Resources"].values() if one["Type"] == "AWS::Lambda::Permission"]
# What Lambda makes of each, with an account and an API of usual lengths.
statements = [
    {
        "Sid": "stack-AdminRoute0Permission-ABCDEFGHIJKL",
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": "arn:aws:lambda:eu-central-1:123456789012:function:stack-Admin-ABCDEFGHIJKL",
        "Condition": {
            "ArnLike": {
                "AWS:SourceArn": "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/*"
                + one["Properties"]["SourceArn"]["Fn::Sub"][0].partition("${__Stage__}")[2]
            }
        },
    }
    for one in permissions
]
size = len(json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements}, separators=(",", ":")))
print(f"{ROUTES} routes, {len(permissions)} permissions, about {size} bytes of policy; cfn-lint says {findings}")
assert len(permissions) == ROUTES
assert size > 25_000, size
assert findings == [], findings
PY
venv/bin/python run.py
echo "aws-sam-translator 1.115.0, cfn-lint 1.58.0: as stated"

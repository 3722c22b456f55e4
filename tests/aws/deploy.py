"""`template.yaml`, packaged, translated as CloudFormation would, and deployed."""

import io
import json
import sys
import time
import zipfile

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

CODE = "code"
DEPLOY_WITHIN = 300
UNKNOWN_KEYS = ("kms:EncryptionContext", "ses:FromAddress")


class NoManagedPolicies:
    """The template names none, and what SAM adds of its own it knows by ARN."""

    def load(self):
        return {}


def without_sam(document, parameters):
    """The document as CloudFormation gets it from SAM's own translator."""
    defaults = {name: given.get("Default") for name, given in document["Parameters"].items()}
    return transform(document, {**defaults, **parameters}, NoManagedPolicies())


def deploy(emulator, template, binaries, stack, parameters):
    """The stack's outputs and the names of its resources."""
    cloudformation, s3 = emulator.client("cloudformation"), emulator.client("s3")
    s3.create_bucket(Bucket=CODE, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    document = yaml_parse(template.read_text())
    package(document, binaries, s3)
    translated = translate(document, parameters)
    s3.put_object(Bucket=CODE, Key="template.json", Body=json.dumps(translated).encode())
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=f"{emulator.url}/{CODE}/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    until = time.monotonic() + DEPLOY_WITHIN
    while time.monotonic() < until:
        [found] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        if found["StackStatus"] != "CREATE_IN_PROGRESS":
            break
        time.sleep(1)
    if found["StackStatus"] != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        failed = [event for event in events if "FAILED" in event.get("ResourceStatus", "")]
        sys.exit(f"The stack is {found['StackStatus']}: {json.dumps(failed, indent=2, default=str)}")
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def package(document, binaries, s3):
    """As `sam package` does it: each function's program as `bootstrap` in an archive on S3."""
    for resource in document["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        name = resource["Properties"]["CodeUri"].rsplit("/", 1)[-1]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as files:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            files.writestr(entry, (binaries / name).read_bytes())
        s3.put_object(Bucket=CODE, Key=f"{name}.zip", Body=archive.getvalue())
        resource["Properties"]["CodeUri"] = {"Bucket": CODE, "Key": f"{name}.zip"}
        resource.pop("Metadata", None)


def translate(document, parameters):
    """Without SAM, and without what MiniStack does not know."""
    translated = without_sam(document, parameters)
    resources = translated["Resources"]
    for name in [name for name, one in resources.items() if is_metric_math(one)]:
        print(f"  left out, since MiniStack has no alarms on metric math: {name}", flush=True)
        del resources[name]
    for statement in statements(translated):
        forget_unknown_keys(statement)
        name_sessions(statement)
        name_what_is_asked_for(statement)
    return translated


def is_metric_math(resource):
    return resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]


def statements(value):
    """Every statement of every policy."""
    if isinstance(value, dict):
        yield from (one for one in value.get("Statement", []) if isinstance(one, dict))
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from statements(one)


def forget_unknown_keys(statement):
    """MiniStack has no value for these keys, and would refuse whatever depends on one."""
    for operator, keys in list(statement.get("Condition", {}).items()):
        for key in [key for key in keys if key.startswith(UNKNOWN_KEYS)]:
            print(f"  left out, since MiniStack does not know it: {statement['Sid']}, {operator} {key}", flush=True)
            del keys[key]
        if not keys:
            del statement["Condition"][operator]
    if statement.get("Condition") == {}:
        del statement["Condition"]


def name_sessions(statement):
    """`aws:PrincipalArn` is a role's ARN at AWS, also in a session of it; MiniStack compares that of the session."""
    for keys in statement.get("Condition", {}).values():
        if "aws:PrincipalArn" in keys:
            role = keys["aws:PrincipalArn"]["Fn::GetAtt"][0]
            session = "arn:${AWS::Partition}:sts::${AWS::AccountId}:assumed-role/${%s}/*" % role
            keys["aws:PrincipalArn"] = {"Fn::Sub": session}


def name_what_is_asked_for(statement):
    """MiniStack asks for `schedule/default/NAME`, whatever the schedule's group is, and for `*` where a mail is sent."""
    if "scheduler:CreateSchedule" in statement["Action"]:
        text = json.dumps(statement["Resource"])
        statement["Resource"] = json.loads(text.replace("schedule/${ScheduleGroup}/", "schedule/default/"))
    if "ses:SendEmail" in statement["Action"]:
        statement["Resource"] = "*"

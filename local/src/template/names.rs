//! How resources are called where no CloudFormation gives them names.

use std::collections::BTreeMap;

use serde_json::Value;

use super::intrinsics::{Physical, Scope};
use crate::Error;

/// The account, region and names that a template is resolved with.
#[derive(Debug, Clone)]
pub struct Names {
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::AccountId`: twelve digits.
    pub account: String,
    /// `AWS::StackName`; the beginning of every name that the template leaves open.
    pub stack: String,
    /// Values for the template's parameters; its own defaults for the rest.
    pub parameters: BTreeMap<String, String>,
    /// What `Ref` gives for resources whose id the service chose (a KMS key), by logical id.
    pub references: BTreeMap<String, String>,
}

impl Names {
    /// The names of a local stack: account and region are made up, and so are the issuer and the sender.
    #[must_use]
    pub fn local(stack: &str) -> Self {
        let parameters = [
            ("OidcIssuer", "https://issuer.offramp.example"),
            ("OidcAudience", "offramp"),
            ("BootstrapSubject", "bootstrap@offramp.example"),
            ("MailSender", "offramp@offramp.example"),
            ("MailIdentity", "offramp.example"),
            // No function of an earlier release shares this table.
            ("StoredForm", "2"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
            stack: stack.to_owned(),
            parameters: parameters.into(),
            references: BTreeMap::new(),
        }
    }

    pub(super) fn pseudo_parameters(&self) -> BTreeMap<String, String> {
        [
            ("AWS::Region", self.region.as_str()),
            ("AWS::AccountId", &self.account),
            ("AWS::StackName", &self.stack),
            ("AWS::Partition", "aws"),
            ("AWS::URLSuffix", "amazonaws.com"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// What `Ref` and `GetAtt` give for one resource, in the form that its service uses.
    pub(super) fn physical(
        &self,
        scope: &Scope,
        id: &str,
        resource: &Value,
    ) -> Result<Physical, Error> {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let own_name = |property: &str| match &resource["Properties"][property] {
            Value::Null => Ok(format!("{}-{id}", self.stack)),
            value => scope.text(value),
        };
        let (reference, attributes) = match kind {
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => {
                let name = own_name("FunctionName")?;
                let arn = self.arn("lambda", &format!("function:{name}"));
                (name, vec![("Arn", arn)])
            }
            "AWS::DynamoDB::Table" => {
                let name = own_name("TableName")?;
                let arn = self.arn("dynamodb", &format!("table/{name}"));
                let mut attributes = vec![("Arn", arn.clone())];
                if !resource["Properties"]["StreamSpecification"].is_null() {
                    attributes.push(("StreamArn", format!("{arn}/stream/local")));
                }
                (name, attributes)
            }
            "AWS::SQS::Queue" => {
                let name = own_name("QueueName")?;
                let url = format!(
                    "https://sqs.{}.amazonaws.com/{}/{name}",
                    self.region, self.account
                );
                let arn = self.arn("sqs", &name);
                (url, vec![("Arn", arn), ("QueueName", name)])
            }
            "AWS::Scheduler::ScheduleGroup" => {
                let name = own_name("Name")?;
                let arn = self.arn("scheduler", &format!("schedule-group/{name}"));
                (name, vec![("Arn", arn)])
            }
            "AWS::KMS::Key" => {
                let key = self
                    .references
                    .get(id)
                    .cloned()
                    .unwrap_or_else(|| id.to_owned());
                let arn = self.arn("kms", &format!("key/{key}"));
                (key.clone(), vec![("Arn", arn), ("KeyId", key)])
            }
            "AWS::KMS::Alias" => (own_name("AliasName")?, vec![]),
            "AWS::IAM::Role" => {
                let name = own_name("RoleName")?;
                let arn = format!("arn:aws:iam::{}:role/{name}", self.account);
                (name, vec![("Arn", arn)])
            }
            _ => {
                let name = format!("{}-{id}", self.stack);
                let arn = self.arn("local", &name);
                (name, vec![("Arn", arn)])
            }
        };
        Ok(Physical {
            reference: self.references.get(id).cloned().unwrap_or(reference),
            attributes: attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }
}

//! Makes what a template declares: the port, the keys, the groups, the identities, the functions.

use std::path::Path;

use aws_stand_ins::{Clock, Cloud, Function as LambdaFunction, Handler};
use offramp_aws::Sink;
use tokio::net::TcpListener;

use super::core::stand_in;
use crate::Error;
use crate::functions::{self, Host, Wire};
use crate::identity::{ClaimNames, Identity};
use crate::template::{Deployment, Function, Names, Template};

pub(super) async fn listen(port: u16, any_instead: bool) -> Result<(TcpListener, String), Error> {
    let failed = |source| Error::Listen { port, source };
    let listener = match TcpListener::bind(("127.0.0.1", port)).await {
        Err(error) if any_instead && error.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind(("127.0.0.1", 0)).await
        }
        bound => bound,
    };
    let listener = listener.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok((listener, url))
}

/// Makes what the template declares and only a service can make, and resolves the template with the result.
pub(super) fn provision(
    template: &Template,
    mut names: Names,
    cloud: &Cloud,
) -> Result<Deployment, Error> {
    for key in template.resolve(&names)?.keys {
        let arn = cloud.kms().create_key(&key.alias).map_err(stand_in)?;
        let id = arn.rsplit('/').next().unwrap_or_default().to_owned();
        names.references.insert(key.logical_id, id);
    }
    let deployment = template.resolve(&names)?;
    for group in &deployment.schedule_groups {
        cloud.scheduler().create_group(group);
    }
    if let Some(identity) = deployment.parameters.get("MailIdentity") {
        cloud.ses().verify(identity);
    }
    Ok(deployment)
}

pub(super) fn register(
    deployment: &Deployment,
    cloud: &Cloud,
    host: &Host,
    clock: &Clock,
    wire: Wire,
    metrics: &Sink,
) -> Result<(), Error> {
    for function in &deployment.functions {
        let environment = functions::environment(deployment, function, host);
        let handler = wire(function, &environment, clock.clone(), metrics.clone())?;
        cloud.lambda().register(lambda(function, handler));
        for (rule, period, input) in &function.schedules {
            let input = input
                .clone()
                .unwrap_or_else(|| functions::scheduled_event(deployment, rule));
            cloud.every(*period, &function.name, input);
        }
    }
    for mapping in &deployment.streams {
        cloud.follow(mapping.clone());
    }
    Ok(())
}

/// A function as the template deploys it, with its code.
pub(super) fn lambda(function: &Function, handler: Handler) -> LambdaFunction {
    LambdaFunction {
        aliases: function.aliases.clone(),
        max_retries: function.retries,
        max_event_age: function.max_event_age,
        on_failure: function.on_failure.clone(),
        ..LambdaFunction::new(&function.name, &function.arn, function.timeout, handler)
    }
}

pub(super) fn identity(deployment: &Deployment, data: Option<&Path>) -> Result<Identity, Error> {
    let parameter = |name: &str| {
        let value = deployment.parameters.get(name).cloned();
        value.ok_or_else(|| Error::Template(format!("there is no parameter {name}")))
    };
    let names = ClaimNames {
        org: parameter("OrgClaim")?,
        subject: parameter("SubjectClaim")?,
        role: "roles".to_owned(),
    };
    let authorizer = deployment.authorizers.values().next().cloned();
    let authorizer =
        authorizer.ok_or_else(|| Error::Template("there is no JWT authorizer".into()))?;
    let file = data.map(|folder| folder.join("signing-key.pem"));
    Identity::new(authorizer, names, file.as_deref())
}

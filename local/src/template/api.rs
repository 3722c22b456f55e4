//! The HTTP API: its stage, authorizers, integrations and routes, and who may invoke the functions behind it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Template;
use super::intrinsics::Scope;
use super::resources::Function;
use crate::Error;

/// One route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In capitals; `ANY` is every method.
    pub method: String,
    /// With `{parameters}`.
    pub path: String,
    /// The authorizer that a request must satisfy, by its id; `None` is open to all.
    pub authorizer: Option<String>,
}

/// A JWT authorizer of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    /// The issuer that a token must have.
    pub issuer: String,
    /// A token must be for one of these.
    pub audience: Vec<String>,
}

/// The one stage that the gateway serves: without a name in the path.
const STAGE: &str = "$default";
/// Where the gateway looks for a token.
const IDENTITY: &str = "$request.header.Authorization";

/// Properties of `AWS::ApiGatewayV2::Stage`, as far as they count here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StageProperties {
    api_id: String,
    stage_name: String,
    #[serde(default)]
    auto_deploy: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AuthorizerProperties {
    #[serde(rename = "ApiId")]
    _api_id: String,
    #[serde(rename = "Name")]
    _name: String,
    authorizer_type: String,
    identity_source: Vec<String>,
    jwt_configuration: JwtConfiguration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct JwtConfiguration {
    issuer: String,
    audience: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IntegrationProperties {
    api_id: String,
    integration_type: String,
    integration_uri: String,
    payload_format_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RouteProperties {
    api_id: String,
    route_key: String,
    target: String,
    /// `NONE` where there is none.
    authorization_type: Option<String>,
    authorizer_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PermissionProperties {
    action: String,
    /// Or its ARN.
    function_name: String,
    principal: String,
    source_arn: Option<String>,
}

/// The authorizers, by their ids.
pub(super) fn authorizers(
    template: &Template,
    scope: &Scope,
) -> Result<BTreeMap<String, Authorizer>, Error> {
    let all = properties::<AuthorizerProperties>(template, scope, "AWS::ApiGatewayV2::Authorizer")?;
    let authorizers = all.into_iter().map(|(id, own)| {
        let JwtConfiguration { issuer, audience } = own.jwt_configuration;
        if own.authorizer_type != "JWT" || own.identity_source != [IDENTITY] {
            return Err(wrong(
                &id,
                "is no JWT authorizer of the header Authorization",
            ));
        }
        if audience.is_empty() {
            return Err(wrong(&id, "has no audience"));
        }
        Ok((physical(scope, &id), Authorizer { issuer, audience }))
    });
    authorizers.collect()
}

/// Gives each function its routes: those whose integration is with it, and that it lets API Gateway invoke it for.
pub(super) fn routes(
    template: &Template,
    scope: &Scope,
    authorizers: &BTreeMap<String, Authorizer>,
    functions: &mut [Function],
) -> Result<(), Error> {
    let stages: Vec<StageProperties> = values(template, scope, "AWS::ApiGatewayV2::Stage")?;
    let permissions: Vec<PermissionProperties> =
        values(template, scope, "AWS::Lambda::Permission")?;
    let integrations: BTreeMap<String, IntegrationProperties> =
        properties(template, scope, "AWS::ApiGatewayV2::Integration")?
            .into_iter()
            .map(|(id, own)| (format!("integrations/{}", physical(scope, &id)), own))
            .collect();
    for (id, own) in properties::<RouteProperties>(template, scope, "AWS::ApiGatewayV2::Route")? {
        let wrong = |what: &str| wrong(&id, what);
        let served = |stage: &StageProperties| {
            stage.api_id == own.api_id && stage.stage_name == STAGE && stage.auto_deploy
        };
        if !stages.iter().any(served) {
            return Err(wrong(
                "is of an API without a stage $default that deploys it",
            ));
        }
        let (method, path) = own
            .route_key
            .split_once(' ')
            .ok_or_else(|| wrong("has a key that is no method and path"))?;
        let authorizer = match (own.authorization_type.as_deref(), own.authorizer_id) {
            (None | Some("NONE"), None) => None,
            (Some("JWT"), Some(named)) if authorizers.contains_key(&named) => Some(named),
            _ => {
                return Err(wrong(
                    "is neither open nor of a JWT authorizer of the template",
                ));
            }
        };
        let integration = integrations
            .get(&own.target)
            .filter(|integration| integration.api_id == own.api_id)
            .ok_or_else(|| wrong("has no integration"))?;
        if integration.integration_type != "AWS_PROXY"
            || integration.payload_format_version != "2.0"
        {
            return Err(wrong(
                "is no Lambda proxy integration of payload format 2.0",
            ));
        }
        let function = functions
            .iter_mut()
            .find(|function| function.arn == integration.integration_uri)
            .ok_or_else(|| wrong("leads to no function"))?;
        let source = source_arn(scope, &own.api_id, method, path);
        let permits = |given: &PermissionProperties| {
            given.action == "lambda:InvokeFunction"
                && given.principal == "apigateway.amazonaws.com"
                && [&function.name, &function.arn].contains(&&given.function_name)
                && (given.source_arn.as_ref()).is_none_or(|pattern| covers(pattern, &source))
        };
        if !permissions.iter().any(permits) {
            return Err(wrong(
                "leads to a function that does not let API Gateway invoke it",
            ));
        }
        function.routes.push(Route {
            method: method.to_owned(),
            path: path.to_owned(),
            authorizer,
        });
    }
    Ok(())
}

/// What API Gateway calls a route when it invokes a function.
fn source_arn(scope: &Scope, api: &str, method: &str, path: &str) -> String {
    let value = |name: &str| scope.values.get(name).map_or("", String::as_str);
    let [partition, region, account] =
        ["AWS::Partition", "AWS::Region", "AWS::AccountId"].map(value);
    format!("arn:{partition}:execute-api:{region}:{account}:{api}/{STAGE}/{method}{path}")
}

/// Whether a text is of a pattern in which `*` stands for any text: `ArnLike`, as Lambda makes it of a `SourceArn`.
fn covers(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The properties of all resources of a type, resolved, by logical id, in the order of the file.
fn properties<T: DeserializeOwned>(
    template: &Template,
    scope: &Scope,
    kind: &str,
) -> Result<Vec<(String, T)>, Error> {
    let all = template.resources().filter(|(_, one)| one["Type"] == kind);
    all.map(|(id, resource)| {
        let own = scope.resolve(&resource["Properties"])?.unwrap_or_default();
        let own = serde_json::from_value(own).map_err(|error| wrong(id, &error.to_string()))?;
        Ok((id.clone(), own))
    })
    .collect()
}

fn values<T: DeserializeOwned>(
    template: &Template,
    scope: &Scope,
    kind: &str,
) -> Result<Vec<T>, Error> {
    let all = properties(template, scope, kind)?;
    Ok(all.into_iter().map(|(_, own)| own).collect())
}

fn physical(scope: &Scope, id: &str) -> String {
    let found = scope.resources.get(id);
    found.map_or_else(String::new, |found| found.reference.clone())
}

fn wrong(id: &str, what: &str) -> Error {
    Error::Template(format!("{id}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Names;

    /// The routes of one function behind one API, of which `change` makes something else.
    fn resolved(change: fn(&str) -> String) -> Result<Vec<Route>, String> {
        let yaml = change(
            "Resources:
  Table: { Type: AWS::DynamoDB::Table, Properties: {} }
  Code: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions/code } }
  Api: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: api } }
  Stage: { Type: AWS::ApiGatewayV2::Stage, Properties: { ApiId: !Ref Api, StageName: $default, AutoDeploy: true } }
  Oidc:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: oidc
      AuthorizerType: JWT
      IdentitySource: [$request.header.Authorization]
      JwtConfiguration: { Issuer: https://issuer.example, Audience: [us] }
  Behind:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Code.Arn, PayloadFormatVersion: '2.0' }
  May:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Code
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*/*
  Guarded:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /things/{id}
      Target: !Sub integrations/${Behind}
      AuthorizationType: JWT
      AuthorizerId: !Ref Oidc
  Open:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Api, RouteKey: GET /healthz, Target: !Sub 'integrations/${Behind}', AuthorizationType: NONE }
",
        );
        let deployment = Template::parse(&yaml).unwrap().resolve(&Names::local("s"));
        let mut functions = deployment.map_err(|error| error.to_string())?.functions;
        Ok(functions.remove(0).routes)
    }

    #[test]
    fn a_route_is_its_integrations_function_and_its_authorizer() {
        let routes = resolved(str::to_owned).unwrap();
        let route = |method: &str, path: &str, authorizer: Option<&str>| Route {
            method: method.to_owned(),
            path: path.to_owned(),
            authorizer: authorizer.map(str::to_owned),
        };
        let expected = [
            route("GET", "/things/{id}", Some("s-Oidc")),
            route("GET", "/healthz", None),
        ];
        assert_eq!(routes, expected);
    }

    #[test]
    fn what_would_not_answer_at_aws_is_refused() {
        type Change = fn(&str) -> String;
        let cases: [(Change, &str); 10] = [
            (
                |yaml| yaml.replace(", AutoDeploy: true", ""),
                "stage $default",
            ),
            (
                |yaml| yaml.replace("StageName: $default", "StageName: v1"),
                "stage $default",
            ),
            (
                |yaml| yaml.replace("GET /things/{id}", "$default"),
                "no method and path",
            ),
            (
                |yaml| yaml.replace("!Ref Oidc", "other"),
                "neither open nor of a JWT",
            ),
            (
                |yaml| yaml.replace("integrations/${Behind}", "${Behind}"),
                "no integration",
            ),
            (|yaml| yaml.replace("'2.0'", "'1.0'"), "payload format"),
            (
                |yaml| yaml.replace("!GetAtt Code.Arn", "!GetAtt Table.Arn"),
                "no function",
            ),
            (
                |yaml| yaml.replace("/*/*/*", "/*/POST/*"),
                "does not let API Gateway",
            ),
            (
                |yaml| yaml.replace("AuthorizationType: NONE", "Scopes: [a]"),
                "unknown field `Scopes`",
            ),
            (
                |yaml| yaml.replace("Audience: [us]", "Audience: []"),
                "no audience",
            ),
        ];
        for (change, reason) in cases {
            let refused = resolved(change).unwrap_err();
            assert!(refused.contains(reason), "{refused} is not about {reason}");
        }
    }

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, covered) in [
            ("a/*/*/*", "a/$default/GET/v1/x", true),
            ("a/*/*/*", "b/$default/GET/v1/x", false),
            ("a/*/GET/*", "a/$default/POST/x", false),
            ("a/*/GET/x", "a/$default/GET/x", true),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(covers(pattern, text), covered, "{pattern} {text}");
        }
    }
}

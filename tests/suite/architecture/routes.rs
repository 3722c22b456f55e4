//! The routes: one row each in a function's table, and from there in `template.yaml`, where the local stack and AWS find
//! them. `UPDATE_EXPECT=1` writes the template's part anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use offramp_api::route::RouteRow;
use offramp_local::template::{Names, Template};
use serde_yaml_ng::Value as Yaml;

use super::refuse;
use super::workspace::*;

const BEGIN: &str = "  # routes: begin\n";
const END: &str = "  # routes: end\n";

/// The tables of the functions that have one, by the function's id in the template. The first row of all is the one that
/// waits for the others.
fn tables() -> [(&'static str, Vec<RouteRow>); 2] {
    let hr_sync = hr_sync::Route::ALL.iter().map(|route| route.row());
    let admin = admin::Route::ALL.iter().map(|route| route.row());
    [("HrSync", hr_sync.collect()), ("Admin", admin.collect())]
}

/// `template.yaml` with the routes as the tables have them.
fn made() -> String {
    let template = text(&root().join("template.yaml"));
    let (before, rest) = template.split_once(BEGIN).expect(BEGIN);
    let (_, after) = rest.split_once(END).expect(END);
    format!("{before}{BEGIN}{}{END}{after}", resources())
}

/// Routes, then the functions' integrations; each waits for the one below it.
fn resources() -> String {
    let tables = tables();
    let routes = tables
        .iter()
        .flat_map(|(function, rows)| rows.iter().map(move |row| (*function, row)));
    let mut waiting: Vec<(String, String)> = routes
        .map(|(function, row)| (format!("{}Route", row.name), route(function, row)))
        .collect();
    waiting.extend(tables.iter().map(|(function, _)| {
        let properties = format!(
            "{{ ApiId: !Ref HttpApi, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt {function}.Arn, \
             PayloadFormatVersion: \"2.0\" }}"
        );
        let id = format!("{function}Integration");
        (id, resource("Integration", &properties))
    }));
    let below = waiting.iter().skip(1).map(|(id, _)| id.as_str());
    let below = below.chain(["Oidc"]).map(str::to_owned);
    let mut made = String::new();
    for ((id, resource), below) in waiting.iter().zip(below.collect::<Vec<_>>()) {
        let resource = resource.replace("DependsOn", &format!("DependsOn: {below}"));
        made.push_str(&format!("\n  {id}:\n{resource}"));
    }
    for (function, _) in &tables {
        made.push_str(&permission(function));
    }
    made.push('\n');
    made
}

fn route(function: &str, row: &RouteRow) -> String {
    let authorization = if row.door.needs_token() {
        "AuthorizationType: JWT, AuthorizerId: !Ref Oidc"
    } else {
        "AuthorizationType: NONE"
    };
    let properties = format!(
        "{{ ApiId: !Ref HttpApi, RouteKey: \"{}\", Target: !Sub \"integrations/${{{function}Integration}}\", \
         {authorization} }}",
        row.key()
    );
    resource("Route", &properties)
}

fn resource(kind: &str, properties: &str) -> String {
    format!("    Type: AWS::ApiGatewayV2::{kind}\n    DependsOn\n    Properties: {properties}\n")
}

/// One for all routes of a function: stage, method and path may be any.
fn permission(function: &str) -> String {
    let source =
        "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/*/*/*";
    format!(
        "
  {function}Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref {function}
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub {source}
"
    )
}

#[test]
fn the_template_has_the_routes_that_the_tables_have() {
    let made = made();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(root().join("template.yaml"), made).unwrap();
        return;
    }
    assert!(
        made == text(&root().join("template.yaml")),
        "its routes are others than those of functions/*/src/routes.rs; run this test with UPDATE_EXPECT=1 and look at \
         the difference"
    );
}

#[test]
fn the_local_stack_reads_the_routes_as_they_are_meant() {
    let deployment = Template::parse(&made()).unwrap();
    let deployment = deployment.resolve(&Names::local("offramp")).unwrap();
    let meant: BTreeMap<_, BTreeSet<_>> = tables()
        .into_iter()
        .map(|(function, rows)| {
            let rows = rows.iter().map(|row| (row.key(), row.door.needs_token()));
            (function.to_owned(), rows.collect())
        })
        .collect();
    let read: BTreeMap<_, BTreeSet<_>> = deployment
        .functions
        .into_iter()
        .filter(|function| !function.routes.is_empty())
        .map(|function| {
            let routes = function.routes.iter().map(|route| {
                let key = format!("{} {}", route.method, route.path);
                (key, route.authorizer.is_some())
            });
            (function.logical_id.clone(), routes.collect())
        })
        .collect();
    assert_eq!(read, meant);
}

#[test]
fn no_function_has_a_route_among_its_events() {
    let template = template();
    let mut wrong = Vec::new();
    for (id, function) in functions(&template) {
        let events = function["Properties"]["Events"].as_mapping();
        for (name, event) in events.into_iter().flatten() {
            if event["Type"] == "HttpApi" || event["Type"] == "Api" {
                wrong.push(format!("{id}: {}", name.as_str().unwrap_or_default()));
            }
        }
    }
    refuse(
        &wrong,
        "SAM makes a permission for each, and a function's resource policy has 20 KB, for good: a route is a row of \
         functions/*/src/routes.rs",
    );
}

/// API Gateway refuses changes of one API at the same moment, and settings of a route that is not there.
#[test]
fn what_changes_the_api_is_made_one_after_another_and_the_stage_last() {
    let template: Yaml = serde_yaml_ng::from_str(&made()).unwrap();
    let of_the_api: BTreeSet<&str> = resources_of(&template)
        .filter(|(_, resource)| texts(&resource["Properties"]["ApiId"]) == ["HttpApi"])
        .map(|(id, _)| id)
        .collect();
    let mut stages = resources_of(&template)
        .filter(|(_, resource)| resource["Type"] == "AWS::ApiGatewayV2::Stage");
    let (Some((stage, settings)), None) = (stages.next(), stages.next()) else {
        panic!("one stage is expected");
    };
    let mut order = vec![stage];
    while let Some(next) = template["Resources"][order[order.len() - 1]]["DependsOn"].as_str() {
        assert!(!order.contains(&next), "{next} waits for itself");
        order.push(next);
    }
    assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), of_the_api);

    let keys: BTreeSet<String> = tables()
        .iter()
        .flat_map(|(_, rows)| rows.iter().map(RouteRow::key))
        .collect();
    for named in settings["Properties"]["RouteSettings"]
        .as_mapping()
        .unwrap()
        .keys()
    {
        assert!(
            keys.contains(named.as_str().unwrap()),
            "{named:?} is no route"
        );
    }
}

#[test]
fn sample_api_events_name_routes_of_the_tables() {
    let routes: BTreeSet<String> = tables()
        .iter()
        .flat_map(|(_, rows)| rows.iter().map(RouteRow::key))
        .collect();
    let mut wrong = Vec::new();
    for name in samples()
        .into_iter()
        .filter(|name| name.starts_with("events/lambda/"))
    {
        let event = json(&text(&root().join(&name)));
        if let Some(route) = event["routeKey"]
            .as_str()
            .filter(|route| !routes.contains(*route))
        {
            wrong.push(format!("{name} is for {route}"));
        }
    }
    refuse(
        &wrong,
        "no function has such a route: bring the sample up to it",
    );
}

fn resources_of(template: &Yaml) -> impl Iterator<Item = (&str, &Yaml)> {
    let all = template["Resources"].as_mapping().into_iter().flatten();
    all.map(|(id, resource)| (id.as_str().unwrap_or_default(), resource))
}

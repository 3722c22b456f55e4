use super::*;

fn deployment() -> Deployment {
    let mut names = Names::local("offramp");
    names.references.insert("SecretsKey".into(), "1234".into());
    Template::workspace().unwrap().resolve(&names).unwrap()
}

fn function(logical_id: &str) -> Function {
    let functions = deployment().functions.into_iter();
    let mut found = functions.filter(|function| function.logical_id == logical_id);
    found.next().unwrap()
}

#[test]
fn every_function_has_a_folder_and_a_name() {
    for function in deployment().functions {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/");
        let manifest = format!("{folder}{}/Cargo.toml", function.crate_name);
        assert!(std::path::Path::new(&manifest).is_file(), "{manifest}");
        assert_eq!(function.name, format!("offramp-{}", function.crate_name));
        assert!(
            function
                .arn
                .ends_with(&format!(":function:{}", function.name))
        );
    }
}

#[test]
fn references_become_what_the_functions_get() {
    let environment = function("HrSync").environment;
    assert_eq!(environment["TABLE_NAME"], deployment().table.name);
    assert_eq!(environment["TERMINATE_ARN"], function("Terminate").arn);
    assert_eq!(
        environment["SCHEDULE_GROUP"],
        deployment().schedule_groups[0]
    );
    assert_eq!(
        environment["SECRETS_KEY_ARN"],
        "arn:aws:kms:eu-central-1:123456789012:key/1234"
    );
    let queues = deployment().queues;
    assert!(
        queues
            .iter()
            .any(|queue| queue.arn == environment["TIMER_DEAD_LETTER_ARN"])
    );
    assert_eq!(function("Admin").environment["SUBJECT_CLAIM"], "email");
}

#[test]
fn hr_routes_are_open_and_admin_routes_want_a_token() {
    let events = Route {
        method: "POST".into(),
        path: "/v1/orgs/{org}/sources/{source}/events".into(),
        authorizer: None,
    };
    assert!(function("HrSync").routes.contains(&events));
    let authorizers = deployment().authorizers;
    for route in function("Admin").routes {
        match &route.authorizer {
            Some(name) => assert!(authorizers.contains_key(name), "{name}"),
            None => assert!(!route.path.contains("{org}"), "{} is open", route.path),
        }
    }
}

#[test]
fn asynchronous_functions_have_their_retries_and_their_queue() {
    for id in ["Terminate", "Notify", "Sweep", "Apply"] {
        let function = function(id);
        assert_eq!(function.retries, 2, "{id}");
        let queue = function.on_failure.unwrap();
        assert!(
            deployment().queues.iter().any(|known| known.arn == queue),
            "{queue}"
        );
    }
    let schedules = function("Sweep").schedules;
    assert_eq!(schedules.len(), 1);
    assert_eq!(schedules[0].1, Duration::from_secs(300));
}

#[test]
fn operations_have_an_alias_of_what_is_deployed() {
    for function in deployment().functions {
        let takes = ["Admin", "Apply"].contains(&&*function.logical_id);
        let wanted: &[&str] = if takes { &["operator"] } else { &[] };
        assert_eq!(function.aliases, wanted, "{}", function.logical_id);
    }
    let with_alias = |more: &str| {
        let mapping = "      EventSourceArn: !GetAtt Table.StreamArn\n";
        let alias = "  Alias:\n    Type: AWS::Lambda::Alias\n    Properties: {Name: a, FunctionName: !Ref Terminate";
        with_mapping(&format!("{mapping}{alias}, {more}}}\n"))
    };
    let resolved = with_alias("FunctionVersion: $LATEST").unwrap();
    assert_eq!(resolved.functions[0].aliases, ["a"]);
    for other in [
        "FunctionVersion: '1'",
        "FunctionVersion: $LATEST, RoutingConfig: {AdditionalVersionWeights: []}",
    ] {
        let error = with_alias(other).unwrap_err();
        assert!(error.to_string().contains("alias Alias"), "{error}");
    }
}

#[test]
fn the_table_comes_with_its_indexes_and_its_expiry() {
    let table = deployment().table;
    assert_eq!(table.ttl_attribute.as_deref(), Some("expires"));
    let indexes = table.create["GlobalSecondaryIndexes"].as_array().unwrap();
    let names: Vec<_> = indexes
        .iter()
        .map(|index| index["IndexName"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "work",
            "people",
            "mail",
            "ids",
            "audit",
            "birthdays",
            "starts",
            "leaving",
            "drift",
            "roster",
            "find"
        ]
    );
    assert_eq!(
        table.create["StreamSpecification"],
        serde_json::json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" })
    );
    let keys = deployment().keys;
    let keys: Vec<_> = keys.iter().map(|key| &*key.logical_id).collect();
    assert_eq!(keys, ["DataKey", "SecretsKey"]);
}

#[test]
fn rates_are_read_and_cron_is_refused() {
    assert_eq!(rate("rate(1 minute)").unwrap(), Duration::from_secs(60));
    assert_eq!(rate("rate(2 days)").unwrap(), Duration::from_secs(172_800));
    assert!(rate("cron(0 0 * * ? *)").is_err());
    assert!(rate("rate(5 fortnights)").is_err());
}

#[test]
fn a_parameter_without_a_value_is_named() {
    let mut names = Names::local("offramp");
    names.parameters.remove("OidcIssuer");
    let error = Template::workspace().unwrap().resolve(&names).unwrap_err();
    assert!(error.to_string().contains("OidcIssuer"), "{error}");
}

/// A table with a stream, a function, a queue, and a mapping with these properties more.
fn with_mapping(properties: &str) -> Result<Deployment, crate::Error> {
    let template = format!(
        "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{{AttributeName: pk, KeyType: HASH}}]
      AttributeDefinitions: [{{AttributeName: pk, AttributeType: S}}]
      StreamSpecification: {{StreamViewType: NEW_AND_OLD_IMAGES}}
  Failures: {{Type: AWS::SQS::Queue}}
  Terminate:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: functions/terminate}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Terminate
      StartingPosition: TRIM_HORIZON
{properties}"
    );
    Template::parse(&template)?.resolve(&Names::local("s"))
}

#[test]
fn a_mapping_on_the_stream_is_read_whole() {
    let properties = r#"
      EventSourceArn: !GetAtt Table.StreamArn
      BatchSize: 5
      MaximumBatchingWindowInSeconds: 2
      ParallelizationFactor: 10
      BisectBatchOnFunctionError: true
      MaximumRecordAgeInSeconds: 300
      MaximumRetryAttempts: 3
      FunctionResponseTypes: [ReportBatchItemFailures]
      DestinationConfig: {OnFailure: {Destination: !GetAtt Failures.Arn}}
      FilterCriteria:
        Filters:
          - Pattern: '{"dynamodb":{"NewImage":{"todo":{"N":[{"exists":true}]}}}}'
"#;
    let mapping = with_mapping(properties).unwrap().streams.remove(0);
    assert_eq!(
        (mapping.name.as_str(), mapping.function.as_str()),
        ("Mapping", "s-Terminate")
    );
    assert!(mapping.stream_arn.ends_with("table/s-Table/stream/local"));
    assert!(mapping.from_the_oldest && mapping.bisect && mapping.reports_failures);
    assert_eq!((mapping.batch_size, mapping.parallel), (5, 10));
    assert_eq!(mapping.window, Duration::from_secs(2));
    assert_eq!(mapping.max_record_age, Some(Duration::from_secs(300)));
    assert_eq!(mapping.max_retries, Some(3));
    assert!(mapping.on_failure.unwrap().ends_with(":s-Failures"));
    assert_eq!(mapping.patterns.len(), 1);
}

#[test]
fn a_mapping_that_is_not_honoured_is_an_error() {
    let stream = "      EventSourceArn: !GetAtt Table.StreamArn\n";
    assert!(with_mapping(stream).is_ok());
    assert!(with_mapping("      EventSourceArn: arn:aws:kinesis:r:a:stream/s\n").is_err());
    for property in [
        "TumblingWindowInSeconds: 5",
        "ParallelizationFactor: 11",
        "BatchSize: many",
        "FunctionResponseTypes: [Other]",
        "StartingPositionTimestamp: 5",
        "DestinationConfig: {OnFailure: {Destination: arn:aws:sns:r:a:topic}}",
        r#"FilterCriteria: {Filters: [{Pattern: '{"dynamodb":{"n":[{"prefix":"a"}]}}'}]}"#,
        "FilterCriteria: {Filters: []}",
    ] {
        let error = with_mapping(&format!("{stream}      {property}\n")).unwrap_err();
        assert!(error.to_string().contains("Mapping: "), "{error}");
    }
    let off = with_mapping(&format!("{stream}      Enabled: false\n"));
    assert!(off.unwrap().streams.is_empty());
}

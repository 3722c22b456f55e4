use super::*;

fn parsed(line: &str) -> Result<Command, String> {
    let arguments = line.split_whitespace().map(str::to_owned);
    parse(arguments).map_err(|error| error.to_string())
}

#[test]
fn serve_is_what_no_command_does() {
    let bare = Command::Serve {
        port: None,
        data: None,
    };
    assert_eq!(parsed(""), Ok(bare.clone()));
    assert_eq!(parsed("serve"), Ok(bare));
    let full = Command::Serve {
        port: Some(0),
        data: Some("x".into()),
    };
    assert_eq!(parsed("--port 0 --data=x"), Ok(full));
}

#[test]
fn send_takes_one_file() {
    let command = Command::Send {
        file: "a.json".into(),
        to: Some("http://h".into()),
        source: None,
    };
    assert_eq!(parsed("send a.json --to http://h"), Ok(command));
    assert!(parsed("send").is_err());
    assert!(parsed("send a b").is_err());
}

#[test]
fn operations_name_the_organisation_and_the_stack() {
    let command = |task, stack: Option<&str>| Command::Operate {
        org: "acme".into(),
        task,
        place: Place {
            to: None,
            stack: stack.map(str::to_owned),
        },
    };
    let file = Some("a.jsonl".into());
    let export = command(Task::Export { file }, Some("offramp"));
    assert_eq!(
        parsed("export a.jsonl --org acme --stack offramp"),
        Ok(export)
    );
    let employee_id = "E-1".into();
    let erase = command(Task::ErasePerson { employee_id }, None);
    assert_eq!(parsed("erase-person --employee E-1 --org acme"), Ok(erase));
    for line in [
        "export",
        "import --org acme",
        "first-admin --org acme",
        "erase-person --org acme E-1",
        "erase-organisation --org acme",
        "export --org acme a b",
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn what_the_stack_says_comes_next_is_a_command_of_ours() {
    let template = include_str!("../../../template.yaml");
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(template).unwrap();
    let serde_yaml_ng::Value::Tagged(next) = &template["Outputs"]["Next"]["Value"] else {
        panic!("the output Next is no !Sub");
    };
    let line = next.value.as_str().unwrap();
    let command = parsed(line.strip_prefix("cargo run -- ").unwrap());
    let asked = matches!(
        &command,
        Ok(Command::Operate {
            task: Task::FirstAdmin {
                source: Some(_),
                ..
            },
            place: Place { stack: Some(_), .. },
            ..
        })
    );
    assert!(asked, "{command:?}");
}

#[test]
fn an_admin_is_let_in_again_only_where_that_is_said() {
    let repairs = |line: &str| match parsed(line) {
        Ok(Command::Operate {
            task: Task::FirstAdmin { login, repair, .. },
            ..
        }) => (login, repair),
        other => panic!("{other:?}"),
    };
    let login = || Some("ada@acme.example".to_owned());
    let line = "first-admin --org acme --admin E-1 --login ada@acme.example";
    assert_eq!(repairs(line), (login(), false));
    assert_eq!(repairs(&format!("{line} --repair")), (login(), true));
    assert!(parsed("export --org acme --repair").is_err());
}

#[test]
fn bench_takes_sizes() {
    let command = Command::BenchSnapshot {
        people: vec![1_000, 20_000],
        write: true,
    };
    let line = "bench snapshot --people 1000,20000 --write";
    assert_eq!(parsed(line), Ok(command));
    assert!(parsed("bench").is_err());
    assert!(parsed("bench snapshot --people 12").is_err());
}

#[test]
fn what_makes_no_sense_is_said() {
    for line in [
        "fly",
        "--port",
        "--port x",
        "--port 70000",
        "demo now",
        "--colour red",
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
    assert_eq!(parsed("--help"), Ok(Command::Help));
    assert_eq!(parsed("send -h"), Ok(Command::Help));
    assert_eq!(parsed("-V"), Ok(Command::Version));
}

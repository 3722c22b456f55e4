//! The routes of an organisation: its settings, its rule, its sources, what is reported of it.

use offramp_api::contract::{Operation, of, parameter, text};
use offramp_api::view::{RejectionsView, SettingsView, SourceView};
use offramp_app::Error;
use offramp_app::desk::leavers::Taken;
use offramp_app::desk::leavers::list::Body as LeaversList;
use offramp_domain::settings::{DeactivationSync, Safeguards};
use offramp_domain::{Settings, SourceId};
use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::path::ParameterBuilder;
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};

use super::examples;
use crate::paging::MAX_PART;
use crate::reports::{AuditView, DriftView, MAX_ROWS, ROWS};
use crate::rules::{NewRules, RulesView, Trial, TrialView};
use crate::sources::{
    Change, GivenView, Giving, MAX_ROWS as REJECTIONS, NewSource, Rotate, SourcesView,
};
use crate::{Route, Touched};

pub(super) fn settings() -> Vec<Operation> {
    let mut changed = examples::settings();
    changed["affected"] = json!(0);
    changed["users"] = json!([]);
    vec![
        Operation::of(Route::GetSettings, "Shows the settings")
            .answers::<SettingsView>(200, "The settings", examples::settings())
            .versioned(),
        Operation::of(Route::PatchSettings, "Changes settings: a JSON merge patch (RFC 7396)")
            .about(
                "A change that touches people or loosens protection is asked about first; the same patch with the \
                 `confirmation` of that answer goes through, within ten minutes and for this version.",
            )
            .takes_as(
                "SettingsPatch",
                merge_patch(),
                json!({ "deactivation_sync": { "delay_days": 2 } }),
            )
            .query(dry_run())
            .answers::<Touched>(200, "The settings, and whom the change touched", changed)
            .versioned()
            .if_match()
            .refuses([question(), Error::BadConfirmation]),
    ]
}

/// The query parameter of a rehearsal. A JSON body may say it too.
fn dry_run() -> ParameterBuilder {
    parameter(
        "dry_run",
        "Answers as in earnest, and changes nothing. A JSON body may say so itself.",
        text()
            .enum_values(Some(["true", "false"]))
            .default(Some("false".into())),
    )
    .example(Some("false".into()))
}

/// A question that a change of the policy may be answered with.
fn question() -> Error {
    Error::ConfirmationRequired {
    why: "`safeguards` lets more people go before an admin is asked; send the same with `confirmation` within 10 \
          minutes"
        .to_owned(),
    affected: 0,
    at_least: false,
    users: Vec::new(),
    confirmation: "5ff288c6fa384a788af7d93fd1d90299".to_owned(),
}
}

/// The schema of a patch: that of the settings, in which nothing is required; and what goes with it.
fn merge_patch() -> ObjectBuilder {
    let version = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0));
    ObjectBuilder::from(partial::<Settings>())
        .description(Some("The settings that change; the others stay."))
        .property("deactivation_sync", partial::<DeactivationSync>())
        .property("safeguards", partial::<Safeguards>())
        .property(
            "confirmation",
            text().description(Some("That of the question; the same patch goes through.")),
        )
        .property(
            "dry_run",
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some(
                    "Answers as in earnest, asks nothing, and changes nothing.",
                )),
        )
        .property("version", version.description(Some("Like `If-Match`.")))
}

/// The schema of a type, in which nothing is required.
fn partial<T: PartialSchema>() -> Object {
    let RefOr::T(Schema::Object(mut schema)) = T::schema() else {
        return Object::new();
    };
    schema.required.clear();
    schema
}

pub(super) fn rules() -> Vec<Operation> {
    let rule = json!({ "active": "employee.department != \"Contractors\"", "version": 2 });
    let mut put = rule.clone();
    put["reactivated"] = json!(["E-1012"]);
    put["note"] = json!("1 scheduled for deactivation and left out by this rule: active again");
    let when = parameter(
        "when",
        "What happens to those without a date. A JSON body may say so itself, and wins.",
        text()
            .enum_values(Some(["grace", "now"]))
            .default(Some("grace".into())),
    )
    .example(Some("grace".into()));
    let then = parameter(
        "then",
        "What happens to the leavers at the end: they are deactivated, or deleted as by hand. A JSON body may say so itself, \
         and wins.",
        text()
            .enum_values(Some(["deactivate", "delete"]))
            .default(Some("deactivate".into())),
    )
    .example(Some("delete".into()));
    vec![
        Operation::of(Route::GetSyncRules, "Shows the sync rule")
            .answers::<RulesView>(200, "The rule", rule)
            .versioned(),
        Operation::of(Route::PutSyncRules, "Sets the sync rule")
            .about(
                "One CEL expression over `employee`; false takes the employee out of the sync. A bad one is 422 with its \
                 place. Where somebody's access would end by it, it is asked about first, as `PATCH …/settings` is.",
            )
            .takes::<NewRules>(json!({ "active": "employee.department != \"Contractors\"" }))
            .answers::<RulesView>(200, "The rule, and whom it has made active again", put)
            .versioned()
            .if_match()
            .refuses([question(), Error::BadConfirmation]),
        Operation::of(Route::TestSyncRules, "Tries a sync rule")
            .about("Nothing is saved. An employee of whom only the id is given is tried as they are known.")
            .takes::<Trial>(json!({
                "active": "employee.department != \"Contractors\"",
                "employees": [{ "employee_id": "E-1012" }, { "employee_id": "E-9", "department": "Contractors" }],
            }))
            .answers::<TrialView>(
                200,
                "True, false or the error of each",
                json!({ "results": [
                    { "employee_id": "E-1012", "active": true }, { "employee_id": "E-9", "active": false },
                ] }),
            ),
        Operation::of(Route::Leavers, "Takes a list of leavers")
            .about(
                "JSON, or CSV with a header: `employee_id` (or `id`), `email` (`mail`, `E-Mail`), `leave_date` (`last day`) in \
                 any order and case; other columns are ignored. 5,000 rows and 4 MiB at most. Each row is answered; the rows \
                 of one person get one answer, and are `invalid` where they contradict. The setting `leave_date_is` says what \
                 a date means. The same list again does nothing.",
            )
            .query(when)
            .query(then)
            .query(dry_run())
            .takes::<LeaversList<'_>>(json!({
                "leavers": [{ "employee_id": "E-1012" }, { "email": "ines@acme.example", "leave_date": "2026-12-31" }],
                "when": "grace",
                "then": "delete",
            }))
            .takes_text("text/csv", "employee_id,leave_date\nE-1012,2026-12-31\n")
            .takes_text("application/csv", "sep=;\nEmployee ID;Last day\nE-1012;2026-12-31\n")
            .takes_text("text/tab-separated-values", "Mail\tLast day\nines@acme.example\t2026-12-31\n")
            .answers::<Taken>(
                200,
                "What became of each row",
                json!({
                    "results": [
                        { "row": 2, "employee_id": "E-1012", "outcome": "scheduled" }, { "row": 3, "outcome": "not_found" },
                    ],
                    "ignored_columns": ["Department"],
                }),
            ),
    ]
}

pub(super) fn sources() -> Vec<Operation> {
    let source = |route: Route, summary| {
        Operation::of(route, summary)
            .path::<SourceId>("source", "The source.", "payroll")
            .refuses([Error::NotFound("source")])
    };
    vec![
        Operation::of(Route::ListSources, "Lists the HR integrations")
            .paged(MAX_PART, MAX_PART)
            .answers::<SourcesView>(
                200,
                "A page",
                json!({ "sources": [examples::source()], "next_cursor": null }),
            ),
        Operation::of(Route::AddSource, "Adds an HR integration")
            .about("It observes until it is made active. Its secret is in this answer, and never again.")
            .takes::<NewSource>(json!({ "source": "payroll", "deactivation_sync": { "delay_days": 1 } }))
            .answers::<SourceView>(201, "The source, with its secret", examples::source_with_secret())
            .versioned()
            .refuses([Error::Exists("a source of this name"), Error::TooMany("50 sources")]),
        source(Route::GetSource, "Shows an HR integration")
            .answers::<SourceView>(200, "The source", examples::source())
            .versioned(),
        source(Route::PatchSource, "Makes an HR integration active, or shuts it out; says when it is silent, and how long its grace period is")
            .takes::<Change>(json!({
                "state": "active", "silent_after_hours": 48, "deactivation_sync": { "delay_days": 1 },
            }))
            .answers::<SourceView>(200, "The source", examples::source())
            .versioned()
            .if_match(),
        source(Route::ListRejections, "Lists what was rejected, and why, the newest first")
            .about("Kept for 30 days, without what was in the records. What came twice may be here twice.")
            .paged(REJECTIONS, REJECTIONS)
            .answers::<RejectionsView>(
                200,
                "A page",
                json!({
                    "rejections": [{
                        "at": "2026-11-25T01:20:03Z", "employee_id": "E-1010", "event_id": "evt-1",
                        "occurred_at": "2026-11-25T01:20:00Z", "snapshot_id": null,
                        "warning": false, "reason": "status is none of active, on_leave, leave, inactive, terminated and left",
                    }],
                    "next_cursor": null,
                }),
            ),
        source(Route::RotateSecret, "Makes a new secret")
            .about("The newest two verify; with `revoke_previous` the new one alone.")
            .may_take::<Rotate>(json!({ "revoke_previous": true }))
            .answers::<SourceView>(200, "The source, with its new secret", examples::source_with_secret())
            .versioned()
            .if_match(),
        source(Route::HandOver, "Gives people of an HR integration to another")
            .about(
                "All of them, or those who are named, 1,000 at most; the other one must be active. They stay as they are; the \
                 first record of the other one about each of them sets the base of its later ones. With `dry_run` nobody is \
                 given. The same request again changes nothing.",
            )
            .takes::<Giving>(json!({ "to": "payroll", "employee_ids": ["E-1012"] }))
            .answers::<GivenView>(200, "How many people were given", json!({ "people": 1 }))
            .answers::<GivenView>(
                202,
                "How many people there are, and how many of them are given within minutes",
                json!({ "people": 5000, "pending": 1800 }),
            )
            .if_match()
            .refuses([Error::SourceNotActive, Error::HandingOver]),
    ]
}

pub(super) fn reports() -> Vec<Operation> {
    let mut entry = examples::entry();
    entry["of"] = json!("user");
    entry["employee_id"] = json!("E-1007");
    let admin =
        json!({ "actor": "admin", "subject": "ada.okafor@acme.example", "employee_id": "E-1001" });
    let switched = json!({
        "of": "source", "at": "2026-11-25T01:20:03Z", "by": admin, "source": "payroll", "version": 2, "what": "changed",
        "from": { "state": "observing", "silent_after_hours": null },
        "to": { "state": "active", "silent_after_hours": null },
    });
    let undone = json!({
        "of": "run", "at": "2026-11-25T01:22:41Z", "by": admin, "run_id": "run_01a200d2f3c577eb8373081c4eb8f645",
        "affected": 12,
    });
    let since = parameter(
        "since",
        "From when on; 30 days ago unless given.",
        of("Instant"),
    )
    .example(Some("2026-11-01T00:00:00Z".into()));
    vec![
        Operation::of(
            Route::Drift,
            "Everybody for whom HR and the system disagree, and why",
        )
        .paged(MAX_ROWS, ROWS)
        .answers::<DriftView>(
            200,
            "A page",
            json!({ "users": [examples::explanation()], "next_cursor": null }),
        ),
        Operation::of(
            Route::Audit,
            "Every change of users, settings, rule and sources, each answer to a hold and each run taken back, oldest first",
        )
        .query(since)
        .paged(MAX_ROWS, ROWS)
        .about("A page looks at 31 days, and may be shorter than its limit, or empty; as long as there is a cursor, it goes on.")
        .answers::<AuditView>(
            200,
            "A page",
            json!({ "entries": [entry, switched, undone], "next_cursor": null }),
        ),
    ]
}

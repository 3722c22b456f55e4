//! HR's list of everybody, before it is sent: what an accident does to it.

use std::ops::Range;

use serde_json::{Value, json};

/// The pages of a list, as HR means to send them: people who left earlier first, then the staff in their order.
pub(super) struct List {
    pub(super) pages: Vec<Vec<Value>>,
}

impl List {
    /// Pages of so many records.
    pub(super) fn new(records: &[Value], page: usize) -> Self {
        Self {
            pages: records.chunks(page).map(<[Value]>::to_vec).collect(),
        }
    }

    pub(super) fn each(&mut self, change: impl Fn(&mut Value)) {
        self.pages.iter_mut().flatten().for_each(change);
    }

    /// Changes the records of people who are here.
    pub(super) fn each_active(&mut self, change: impl Fn(&mut Value)) {
        self.each(|record| {
            if record["status"] == "active" {
                change(record);
            }
        });
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Value) -> bool) {
        for page in &mut self.pages {
            page.retain(&keep);
        }
    }

    /// The list without these people.
    pub(super) fn without(&mut self, people: Range<usize>) {
        let ids: Vec<String> = people.map(id).collect();
        self.retain(|record| !ids.iter().any(|id| record["employee_id"] == *id));
    }

    /// Writes each id anew.
    pub(super) fn rekey(&mut self, key: impl Fn(&str) -> Value) {
        self.each(|record| record["employee_id"] = key(record["employee_id"].as_str().unwrap()));
    }
}

/// The id of a member of the staff, such as `A0107`.
pub(super) fn id(number: usize) -> String {
    format!("A{:04}", 101 + number)
}

/// The id of somebody who left long ago.
pub(super) fn former_id(number: usize) -> String {
    format!("F{:04}", 501 + number)
}

/// What HR knows of a member of the staff.
pub(super) fn record(number: usize, status: &str) -> Value {
    let department = match number {
        0..6 => "Finance",
        6..20 => "Sales",
        _ => "Production",
    };
    json!({
        "employee_id": id(number), "status": status, "name": format!("Person {number}"),
        "email": format!("person{number}@acme.example"), "department": department,
        "manager_id": id(0), "start_date": "2020-01-01",
    })
}

/// What HR knows of somebody who left long ago.
pub(super) fn former(number: usize) -> Value {
    json!({
        "employee_id": former_id(number), "status": "inactive", "name": format!("Former {number}"),
        "email": format!("former{number}@acme.example"), "department": "Sales",
        "manager_id": id(0), "start_date": "2015-01-01",
    })
}

//! Payment cards: who may have them, and what becomes of them.

use offramp_tests::{LENA, OTTO, World};
use serde_json::{Value, json};

fn card() -> Value {
    json!({ "label": "Fuel", "kind": "physical", "last4": "1234", "external_id": "issuer-1" })
}

async fn first_card(world: &World, owner: &str) -> String {
    let cards = world.get(&format!("/users/{owner}/cards")).await;
    cards["cards"][0]["card_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_of_an_issuer_is_one_persons() {
    let world = World::start().await;
    let add = async |owner: &str| {
        let ask = world.admin("POST", &format!("/users/{owner}/cards"));
        ask.json(&card()).send().await
    };
    let first = add("E-1003").await;
    assert_eq!(first.status, 201);
    for owner in ["E-1003", "E-1005"] {
        let again = add(owner).await;
        assert_eq!(
            (again.status, &again.body["code"]),
            (409, &json!("exists")),
            "{}",
            again.text
        );
    }
    // It ends at the issuer once, whoever has it, and is not another card then.
    let id = first.body["card_id"].as_str().unwrap();
    let give = world.admin("POST", &format!("/cards/{id}/reassign"));
    give.json(&json!({ "to": "E-1005" })).ok().await;
    world
        .admin("POST", "/users/E-1005/deactivate-now")
        .ok()
        .await;
    assert_eq!(add("E-1003").await.status, 409);
    assert_eq!(world.user("E-1003").await["active_cards"], 0);
    // Of two at once one is made.
    let other =
        json!({ "label": "Fuel", "kind": "physical", "last4": "1234", "external_id": "issuer-2" });
    let ask = |owner: &str| {
        world
            .admin("POST", &format!("/users/{owner}/cards"))
            .json(&other)
            .send()
    };
    let (one, two) = tokio::join!(ask("E-1003"), ask("E-1012"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_added_frozen_thawed_and_given_on() {
    let world = World::start().await;
    let added = world
        .admin("POST", "/users/E-1003/cards")
        .json(&card())
        .send()
        .await;
    assert_eq!(added.status, 201);
    let id = added.body["card_id"].as_str().unwrap();
    let wanted = json!({ "card_id": id, "label": "Fuel", "kind": "physical", "last4": "1234", "external_id": "issuer-1", "status": "active", "owner": "E-1003" });
    assert_eq!(added.body, wanted);
    assert_eq!(world.user("E-1003").await["active_cards"], 1);
    for status in ["frozen", "frozen", "active"] {
        let set = world
            .admin("PUT", &format!("/cards/{id}/status"))
            .json(&json!({ "status": status }));
        assert_eq!(set.ok().await["status"], status);
        assert_eq!(world.cards("E-1003").await, [status]);
        assert_eq!(world.user("E-1003").await["active_cards"], 1);
    }
    let given = world
        .admin("POST", &format!("/cards/{id}/reassign"))
        .json(&json!({ "to": "E-1005" }));
    assert_eq!(given.ok().await["owner"], "E-1005");
    assert_eq!(world.cards("E-1003").await, [""; 0]);
    assert_eq!(world.cards("E-1005").await, ["active"]);
    assert_eq!(world.user("E-1003").await["active_cards"], 0);
    assert_eq!(world.user("E-1005").await["active_cards"], 1);
    let whats = |entries: Vec<Value>| {
        entries
            .iter()
            .map(|one| one["what"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let from = whats(world.history("E-1003").await);
    assert_eq!(
        from,
        [
            "card_given",
            "card_thawed",
            "card_frozen",
            "card_added",
            "created"
        ]
    );
    assert_eq!(
        whats(world.history("E-1005").await),
        ["card_taken", "created"]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_go_to_active_people_only() {
    let world = World::start().await;
    world.hr("E-1012", "inactive", json!({})).await;
    world
        .admin("POST", "/users/E-1018/deactivate-now")
        .ok()
        .await;
    world.admin("DELETE", "/users/E-1022").ok().await;
    let mine = first_card(&world, LENA).await;
    for gone in ["E-1012", "E-1018", "E-1022"] {
        let add = world
            .admin("POST", &format!("/users/{gone}/cards"))
            .json(&card());
        add.refused(409, "not_active").await;
        let give = world
            .admin("POST", &format!("/cards/{mine}/reassign"))
            .json(&json!({ "to": gone }));
        give.refused(409, "not_active").await;
    }
    let nobody = world.admin("POST", "/users/E-9999/cards").json(&card());
    nobody.refused(404, "not_found").await;
    let nobody = world
        .admin("POST", &format!("/cards/{mine}/reassign"))
        .json(&json!({ "to": "E-9999" }));
    nobody.refused(404, "not_found").await;
    let none = world
        .admin("POST", "/cards/card_none/reassign")
        .json(&json!({ "to": LENA }));
    none.refused(404, "not_found").await;
    assert_eq!(world.alive(LENA).await, 3);
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leavers_card_is_saved_by_giving_it_on_in_the_grace_period() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    let saved = first_card(&world, LENA).await;
    let give = world
        .admin("POST", &format!("/cards/{saved}/reassign"))
        .json(&json!({ "to": "E-1013" }));
    give.ok().await;
    assert_eq!(world.user(LENA).await["active_cards"], 2);
    world.hours(73).await;
    // The frozen one goes as well.
    assert_eq!(world.cards(LENA).await, ["cancelled"; 2]);
    assert_eq!(world.cards("E-1013").await, ["active"]);
    let mail = &world.mails_to(OTTO, "deactivated")[0];
    assert!(mail.text.contains("2 cards terminated"), "{}", mail.text);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_card_stays_as_it_is() {
    let world = World::start().await;
    let id = first_card(&world, LENA).await;
    world
        .admin("POST", "/users/E-1007/deactivate-now")
        .ok()
        .await;
    let give = world
        .admin("POST", &format!("/cards/{id}/reassign"))
        .json(&json!({ "to": "E-1013" }));
    give.refused(409, "card_cancelled").await;
    for status in ["active", "frozen"] {
        let set = world
            .admin("PUT", &format!("/cards/{id}/status"))
            .json(&json!({ "status": status }));
        set.refused(409, "card_cancelled").await;
    }
    let cancel = world
        .admin("PUT", &format!("/cards/{id}/status"))
        .json(&json!({ "status": "cancelled" }));
    cancel.refused(422, "invalid").await;
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_new_card_is_pointed_out() {
    let world = World::start().await;
    for (field, value) in [
        ("label", json!("")),
        ("label", json!("x".repeat(129))),
        ("label", json!("a\u{7}")),
        ("kind", json!("golden")),
        ("last4", json!("12345")),
        ("last4", json!("12a4")),
        ("external_id", json!("")),
        ("colour", json!("red")),
    ] {
        let mut new = card();
        new[field] = value;
        let refused = world
            .admin("POST", "/users/E-1003/cards")
            .json(&new)
            .refused(422, "invalid")
            .await;
        assert_eq!(
            refused["errors"][0]["pointer"],
            format!("/{field}"),
            "{refused}"
        );
    }
    let missing = world.admin("POST", "/users/E-1003/cards").json(&json!({}));
    missing.refused(422, "invalid").await;
    // Values without their names are no card.
    let list = world
        .admin("POST", "/users/E-1003/cards")
        .json(&json!(["Fuel", "virtual", "1234"]));
    list.refused(422, "invalid").await;
    let broken = world
        .admin("POST", "/users/E-1003/cards")
        .bytes(b"{".to_vec());
    broken.refused(400, "malformed_json").await;
    assert_eq!(world.cards("E-1003").await, [""; 0]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_with_the_same_key_makes_one_card() {
    let world = World::start().await;
    let add = |token: &str, body: &Value| {
        let ask = world.ask("POST", &world.path("/users/E-1003/cards"));
        ask.token(token).header("idempotency-key", "k-1").json(body)
    };
    let first = add(&world.token, &card()).send().await;
    let again = add(&world.token, &card()).send().await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!(first.status, 201);
    assert_eq!(world.cards("E-1003").await.len(), 1);
    let mut other = card();
    other["label"] = json!("Other");
    other["external_id"] = json!("issuer-2");
    add(&world.token, &other)
        .refused(422, "idempotency_key_reused")
        .await;
    let elsewhere = world
        .admin("POST", "/users/E-1005/cards")
        .header("idempotency-key", "k-1");
    elsewhere
        .json(&card())
        .refused(422, "idempotency_key_reused")
        .await;
    // Two people's keys have nothing to do with each other.
    let otto = world.token_of(OTTO);
    let his = add(&otto, &other).ok().await;
    assert_ne!(his["card_id"], first.body["card_id"]);
    assert_eq!(world.cards("E-1003").await.len(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_ten_times_at_once_makes_one_card() {
    let world = World::start().await;
    let sent: Vec<_> = (0..10)
        .map(|_| {
            let ask = world
                .admin("POST", "/users/E-1003/cards")
                .header("idempotency-key", "k-2");
            tokio::spawn(ask.json(&card()).send())
        })
        .collect();
    let mut made = std::collections::BTreeSet::new();
    for one in sent {
        let answer = one.await.unwrap();
        if answer.status == 201 {
            made.insert(answer.body["card_id"].to_string());
        } else {
            assert_eq!(answer.status, 503, "{}", answer.text);
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(world.cards("E-1003").await.len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_with_very_many_cards_loses_all_of_them_at_once() {
    let world = World::start().await;
    for _ in 0..120 {
        world.add_card("E-1003").await;
    }
    let answer = world
        .admin("POST", "/users/E-1003/deactivate-now")
        .send()
        .await;
    assert_eq!(
        (answer.status, &answer.body["cards_cancelled"]),
        (200, &json!(120))
    );
    assert_eq!(world.alive("E-1003").await, 0);
    assert_eq!(world.user("E-1003").await["active_cards"], 0);
    world.minutes(5).await;
    assert!(
        world.mails_to(OTTO, "")[0]
            .text
            .contains("120 cards terminated")
    );
    world.end().await;
}

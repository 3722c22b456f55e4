//! Numbers that grow without end end: 50 sources, 1,000 cards of a person, also where several ask at once.

use futures_util::future::join_all;
use offramp_tests::{LENA, World};
use serde_json::{Value, json};

/// How many of these answers have each status; the refused ones say why.
fn counted(answers: &[offramp_tests::Answer]) -> (usize, usize) {
    let refused = answers.iter().filter(|answer| answer.status == 409);
    let refused = refused.inspect(|answer| {
        assert_eq!(answer.body["code"], "too_many", "{}", answer.text);
    });
    let refused = refused.count();
    let done = answers.iter().filter(|answer| answer.status < 300).count();
    assert_eq!(done + refused, answers.len(), "{answers:?}");
    (done, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_has_fifty_sources_also_where_several_are_added_at_once() {
    let world = World::start().await;
    // The first is as an earlier version has added it: nothing has counted it.
    let mut admins = admins_item(&world).await;
    admins.as_object_mut().unwrap().remove("sources");
    world.put_item(&admins).await;
    let add = |name: String| {
        let body = json!({ "source": name });
        let world = &world;
        async move { world.post("/sources", body).await }
    };
    for number in 2..49 {
        assert_eq!(add(format!("s-{number}")).await.status, 201);
    }
    let answers = join_all((0..8).map(|number| add(format!("last-{number}")))).await;
    assert_eq!(counted(&answers), (2, 6));
    assert_eq!(
        world.get("/sources").await["sources"]
            .as_array()
            .unwrap()
            .len(),
        50
    );
    // A name that is taken is said to be taken.
    let taken = world.post("/sources", json!({ "source": "hris" })).await;
    assert_eq!(taken.body["code"], "exists");
    // What there is can be changed.
    let patch = json!({ "state": "disabled" });
    let patched = world.admin("PATCH", "/sources/s-2").json(&patch).ok().await;
    assert_eq!(patched["state"], "disabled");
    world.end().await;
}

async fn admins_item(world: &World) -> Value {
    let items = world.scan(None).await;
    let mut of_org = items
        .into_iter()
        .filter(|item| item["pk"]["S"] == "O#acme" && item["sk"]["S"] == "ADMINS");
    of_org.next().expect("the item of admins")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_a_thousand_cards_also_where_several_are_added_at_once() {
    let world = World::start().await;
    let before = world.alive(LENA).await;
    for one in world.scan(None).await {
        if one["pk"]["S"] == format!("O#acme#U#{LENA}") && one["sk"]["S"] == "U" {
            world.put_item(&with_cards(one, before, 997)).await;
        }
    }
    let given = world.add_card("E-1008").await;
    let add = || {
        world.post(
            "/users/E-1007/cards",
            json!({ "label": "One more", "kind": "virtual", "last4": "4242" }),
        )
    };
    let answers = join_all((0..6).map(|_| add())).await;
    assert_eq!(counted(&answers), (3, 3));
    let path = format!("/cards/{given}/reassign");
    let give = world.post(&path, json!({ "to": LENA })).await;
    assert_eq!((give.status, &give.body["code"]), (409, &json!("too_many")));
    // One that is theirs already may be given to them again.
    let own = world.cards(LENA).await;
    assert_eq!(own.len(), before + 3);
    world.end().await;
}

/// The item of a user who has that many cards, as far as their count goes.
fn with_cards(mut item: Value, before: usize, cards: usize) -> Value {
    let text = item["data"]["S"].as_str().unwrap();
    let names = ["active_cards", "cards"];
    let was = names.iter().map(|name| {
        (
            format!("\"{name}\":{before}"),
            format!("\"{name}\":{cards}"),
        )
    });
    let (from, to) = was
        .into_iter()
        .find(|(from, _)| text.contains(from))
        .unwrap_or_else(|| panic!("{text}"));
    item["data"]["S"] = json!(text.replace(&from, &to));
    item
}

//! The addresses that HR has taken from people: they leave with an export, and go with the person.

use offramp_tests::{LENA, LENA_MAIL, ORG, World};
use serde_json::{Value, json};

use super::{Lines, elsewhere, export};
use crate::addresses::{address, disputed, granted, told};

/// What somebody had goes with an export, and with an erasure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_addresses_leave_and_go_with_the_person() {
    let world = World::start().await;
    world.hr(LENA, "active", address("lena@new.example")).await;
    world.hr("E-1012", "active", address("m@new.example")).await;
    world.hr("Z-1", "active", address(LENA_MAIL)).await;
    world.delete(&format!("/users/{LENA}")).await;
    let before = (
        told(&world, LENA_MAIL).await,
        told(&world, "marcus.doyle@acme.example").await,
    );
    assert_eq!(before, (disputed(), granted()));
    world.minutes(5).await;
    let kept = async || {
        let items = world.scan(None).await.into_iter();
        let keys = items.map(|item| format!("{} {}", item["pk"]["S"], item["sk"]["S"]));
        let kept = keys.filter(|key| key.contains(" \"F#") || key.contains("#FORMER#"));
        kept.count()
    };
    assert_eq!(kept().await, 4, "two for each");
    let there = elsewhere(&world).await;
    let lines = export(&world, ORG).await;
    let lines = Lines::new("addresses", &lines);
    lines.import(&there, ORG).await.unwrap();
    let after = (
        told(&there, LENA_MAIL).await,
        told(&there, "marcus.doyle@acme.example").await,
    );
    assert_eq!(after, before);
    there.stack.shutdown().await.unwrap();
    let mut erase: Value =
        serde_json::from_str(include_str!("../../../events/lambda/erase_person.json")).unwrap();
    erase["employee_id"] = json!(LENA);
    let erased = world.stack.invoke("apply:operator", erase).await.unwrap();
    assert_eq!(erased["done"], true, "{erased}");
    assert_eq!(kept().await, 2, "the other's");
    assert_eq!(
        told(&world, LENA_MAIL).await,
        granted(),
        "nothing is known of her"
    );
    world.end().await;
}

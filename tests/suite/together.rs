//! Two invocations at once, and three: whatever the order of their calls of AWS, all ends as if one had come after the
//! other. An invocation is interrupted at each of its calls by another one; what comes by itself follows, and the end is
//! compared with the ends of the orders one after the other.
//!
//! `OFFRAMP_SWITCHES=2` tries each pair with every schedule of at most two interruptions; without it, all with one and a
//! fixed sample of those with two. `OFFRAMP_TRIPLES=20000` is how many schedules of three are tried, from
//! `PROPTEST_RNG_SEED`. `OFFRAMP_FLOWS='grace timer,sync off'` tries only the pairs of these.

mod scenes;
mod schedules;

use scenes::Scene;
use schedules::{pairs, triples};

#[tokio::test]
async fn of_somebody_in_the_grace_period() {
    let scene = Scene::grace().await;
    assert_eq!(scene.flows.len(), 16);
    pairs(scene, |_, _| true).await;
}

#[tokio::test]
async fn of_somebody_whose_cards_are_about_to_go() {
    let scene = Scene::ended().await;
    assert_eq!(scene.flows.len(), 18);
    // What is not about these two has been tried in the grace period.
    let new = |name: &str| matches!(name, "stream" | "finish timer");
    pairs(scene, |one, other| new(one) || new(other)).await;
}

#[tokio::test]
async fn of_somebody_who_left_again() {
    let scene = Scene::again().await;
    assert_eq!(scene.flows.len(), 15);
    pairs(scene, |one, other| [one, other].contains(&"grace timer")).await;
}

#[tokio::test]
async fn of_somebody_in_a_hold() {
    let scene = Scene::held().await;
    assert_eq!(scene.flows.len(), 21);
    let new = |name: &str| matches!(name, "approve" | "reject" | "another leaver");
    pairs(scene, |one, other| new(one) || new(other)).await;
}

#[tokio::test]
async fn of_two_admins_whose_dates_have_come() {
    let scene = Scene::admins().await;
    assert_eq!(scene.flows.len(), 6);
    pairs(scene, |one, other| [one, other].contains(&"Ada's timer")).await;
}

#[tokio::test]
async fn three_of_somebody_in_the_grace_period() {
    triples(Scene::grace().await, 1).await;
}

#[tokio::test]
async fn three_of_somebody_whose_cards_are_about_to_go() {
    triples(Scene::ended().await, 2).await;
}

#[tokio::test]
async fn three_of_somebody_in_a_hold() {
    triples(Scene::held().await, 3).await;
}

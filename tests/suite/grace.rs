//! The grace period, as an admin lives it.

use offramp_tests::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_after_hr_marks_somebody_inactive_their_cards_are_cancelled() {
    let world = World::start().await;
    let result = world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(result["outcome"], "scheduled");
    assert_eq!(result["due_at"], "2026-03-05T09:00:00Z");
    assert_eq!(world.access("E-1007").await, "revoked");
    assert_eq!(world.alive("E-1007").await, 3);
    world.hours(71).await;
    assert_eq!(world.alive("E-1007").await, 3);
    world.hours(1).await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(world.alive("E-1007").await, 0);
    world.end().await;
}

//! How HR's statements about one employee become one record.

use offramp_domain::{Field, HrEvent, HrRecord, HrWord, Merge, Watermark};
use proptest::prelude::*;

use crate::world::{Says, hr, instant};

/// What merging came to, in a word, and the record after it.
fn merge(record: &HrRecord, event: &HrEvent) -> (String, HrRecord) {
    match record.merge(event) {
        Merge::Stale => ("stale".to_owned(), record.clone()),
        Merge::Replay => ("replay".to_owned(), record.clone()),
        Merge::Unchanged(record) => ("unchanged".to_owned(), record),
        Merge::Changed {
            record,
            fields,
            mutation,
        } => {
            let fields: Vec<_> = fields.into_iter().map(Field::as_str).collect();
            let word = if mutation { "mutation" } else { "change" };
            (format!("{word} [{}]", fields.join(" ")), record)
        }
    }
}

fn all(events: &[HrEvent]) -> HrRecord {
    let first = HrRecord::first(&events[0]);
    events[1..]
        .iter()
        .fold(first, |record, event| merge(&record, event).1)
}

fn permutations(events: &[HrEvent]) -> Vec<Vec<HrEvent>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let each = (0..events.len()).flat_map(|at| {
        let mut rest = events.to_vec();
        let first = rest.remove(at);
        permutations(&rest).into_iter().map(move |mut order| {
            order.insert(0, first.clone());
            order
        })
    });
    each.collect()
}

#[test]
fn partial_events_end_alike_in_every_order() {
    let events = [
        hr(1)
            .name("Ada")
            .set(Field::Team, "x")
            .set(Field::Email, "a@b.c"),
        hr(2).inactive(),
        hr(3).clear(Field::Team).name("Ada L."),
        hr(4).set(Field::Department, "R&D"),
        hr(5).inactive().set(Field::Team, "y"),
        hr(6).clear(Field::Email),
    ];
    let want = all(&events);
    assert_eq!(want.says(), HrWord::Active);
    assert_eq!(want.latest(), instant(6));
    let values: Vec<_> = want.sent().collect();
    assert_eq!(
        values,
        [
            (Field::Name, Some("Ada L.")),
            (Field::Email, None),
            (Field::Team, Some("y")),
            (Field::Department, Some("R&D")),
        ]
    );
    let orders = permutations(&events);
    assert_eq!(orders.len(), 720);
    for order in orders {
        assert_eq!(all(&order), want, "{order:#?}");
    }
}

#[test]
fn the_same_events_again_change_nothing_in_any_order() {
    let events = [
        hr(1).name("Ada").set(Field::Team, "x"),
        hr(2).inactive().name("Ada L."),
        hr(2).clear(Field::Team),
        hr(2).set(Field::Team, "y"),
    ];
    let record = all(&events);
    for order in permutations(&events) {
        for event in &order {
            let (word, after) = merge(&record, event);
            assert!(word == "stale" || word == "replay", "{word}: {event:?}");
            assert_eq!(after, record);
        }
    }
}

#[test]
fn what_an_event_comes_to() {
    let known = || HrRecord::first(&hr(5).name("Ada").clear(Field::Team));
    let word = |event: HrEvent| merge(&known(), &event).0;
    // Older.
    assert_eq!(word(hr(4).inactive().name("B")), "stale");
    assert_eq!(word(hr(4)), "stale");
    assert_eq!(
        word(hr(4).name("B").set(Field::Department, "d")),
        "change [department]"
    );
    // Equal.
    assert_eq!(word(hr(5).name("Ada").clear(Field::Team)), "replay");
    assert_eq!(word(hr(5).name("Ada")), "unchanged");
    assert_eq!(word(hr(5).name("B")), "mutation [name]");
    assert_eq!(
        word(hr(5).name("Ada").clear(Field::Team).called("e")),
        "unchanged"
    );
    // Newer.
    assert_eq!(word(hr(6)), "unchanged");
    assert_eq!(word(hr(6).name("Ada")), "unchanged");
    assert_eq!(word(hr(6).inactive()), "mutation []");
    assert_eq!(word(hr(6).name("B")), "mutation [name]");
    assert_eq!(word(hr(6).clear(Field::Name)), "mutation [name]");
    // Cleared is known, and empty; never sent is not known.
    assert_eq!(word(hr(6).clear(Field::Team)), "unchanged");
    assert_eq!(word(hr(6).set(Field::Team, "x")), "mutation [team]");
    assert_eq!(
        word(hr(6).set(Field::Department, "d")),
        "change [department]"
    );
    assert_eq!(word(hr(6).clear(Field::Department)), "unchanged");
    assert_eq!(
        word(hr(6).set(Field::Department, "d").inactive()),
        "mutation [department]",
        "the status is always known"
    );
}

#[test]
fn an_absent_field_stays() {
    let record = all(&[hr(1).name("Ada").set(Field::Team, "x"), hr(2).name("B")]);
    assert_eq!(record.get(Field::Team), Some("x"));
    assert_eq!(record.get(Field::Name), Some("B"));
    assert_eq!(record.get(Field::Email), None);
}

#[test]
fn at_an_equal_instant_the_later_arrival_wins() {
    let (a, b) = (hr(1).name("A"), hr(1).name("B"));
    assert_eq!(all(&[a.clone(), b.clone()]).get(Field::Name), Some("B"));
    assert_eq!(all(&[b.clone(), a.clone()]).get(Field::Name), Some("A"));
    assert_eq!(
        all(&[a.clone(), b.clone(), a.clone()]).get(Field::Name),
        Some("B"),
        "unless it is a replay"
    );
    let later = [a.clone(), b, hr(2), a];
    assert_eq!(
        all(&later).get(Field::Name),
        Some("B"),
        "also when something newer was said of something else"
    );
}

#[test]
fn whoever_is_missing_is_back_with_a_status_of_the_same_instant_that_comes_later() {
    let missing = HrRecord::first(&hr(1)).missing(instant(5)).unwrap();
    for (event, says, word) in [
        (hr(5), HrWord::Active, "mutation []"),
        (hr(5).inactive(), HrWord::Inactive, "mutation []"),
        (hr(6), HrWord::Active, "mutation []"),
        (hr(4), HrWord::Missing, "unchanged"),
    ] {
        let (merged, record) = merge(&missing, &event);
        assert_eq!((&*merged, record.says()), (word, says), "{event:?}");
    }
    // The other way round the snapshot came later.
    let status = HrRecord::first(&hr(5));
    assert_eq!(status.missing(instant(5)).unwrap().says(), HrWord::Missing);
    // Nor does a repetition of the status bring anybody back.
    let missing = status.missing(instant(5)).unwrap();
    assert_eq!(merge(&missing, &hr(5)).0, "replay");
}

#[test]
fn the_newest_instant_survives_an_equal_value() {
    let record = all(&[hr(1).name("A"), hr(3).name("A")]);
    assert_eq!(merge(&record, &hr(2).inactive().name("B")).0, "stale");
}

#[test]
fn statements_of_one_instant_are_told_apart() {
    let record = HrRecord::first(&hr(1).name("team").clear(Field::Team));
    let others = [
        hr(1).name("team"),
        hr(1).name("team").set(Field::Team, ""),
        hr(1).name("team").set(Field::Team, "x"),
        hr(1).name("team").clear(Field::Email),
        hr(1).name("team").clear(Field::Team).inactive(),
        hr(1).name("team").clear(Field::Team).called("e"),
    ];
    for other in others {
        assert_ne!(merge(&record, &other).0, "replay", "{other:?}");
    }
}

#[test]
fn the_fingerprint_is_of_the_values_alone() {
    let ada = || hr(1).name("Ada").set(Field::Email, "ada@example.com");
    let of = |events: &[HrEvent]| all(events).fingerprint();
    let want = of(&[ada()]);
    // Stored records carry it: another text for the same values needs another version.
    assert_eq!(want.as_str(), "1:2f92a63a37b9d380f307d0280dceb9df");
    let said_later = hr(9).name("Ada").set(Field::Email, "ada@example.com");
    assert_eq!(of(&[said_later]), want);
    assert_eq!(of(&[ada(), hr(2).name("B"), hr(3).name("Ada")]), want);
    assert_eq!(
        of(&[ada(), hr(2).clear(Field::Team)]),
        want,
        "never sent or cleared"
    );
    assert_ne!(of(&[ada(), hr(2).inactive()]), want);
    assert_ne!(of(&[ada(), hr(2).clear(Field::Name)]), want);
    assert_ne!(of(&[ada(), hr(2).set(Field::Team, "x")]), want);
    assert_ne!(
        of(&[hr(1).name("x")]),
        of(&[hr(1).set(Field::Team, "x")]),
        "the field counts"
    );
}

fn field() -> impl Strategy<Value = Field> {
    prop::sample::select(Field::ALL)
}

fn event() -> impl Strategy<Value = HrEvent> {
    let fields = prop::collection::btree_map(field(), prop::option::of("[abc]"), 0..4);
    (any::<bool>(), fields).prop_map(|(active, fields)| {
        let event = HrEvent { fields, ..hr(0) };
        if active { event } else { event.inactive() }
    })
}

/// Events, each at an instant of its own, and the order that they arrive in, some of them twice.
fn arrivals() -> impl Strategy<Value = (Vec<HrEvent>, Vec<usize>)> {
    prop::collection::vec(event(), 1..8).prop_flat_map(|mut events| {
        for (minute, event) in (0..).zip(&mut events) {
            event.occurred_at = instant(minute);
        }
        let twice: Vec<usize> = (0..events.len()).chain(0..events.len()).collect();
        (Just(events), Just(twice).prop_shuffle())
    })
}

/// What arrives about somebody: a status, or that an applied snapshot does not have them; and at which instant it was
/// so. There are few instants, so many are equal.
fn words() -> impl Strategy<Value = Vec<(HrWord, i64)>> {
    let word = prop::sample::select(&[HrWord::Active, HrWord::Inactive, HrWord::Missing]);
    prop::collection::vec((word, 1_i64..5), 1..10)
}

proptest! {
    #![proptest_config(crate::stories::config())]

    /// The model: a word counts if no word of a later instant has come, and of equal instants the last counts. An
    /// applied snapshot speaks of everybody, so whoever is missing again is missing as of the later instant.
    #[test]
    fn of_equal_instants_the_last_word_counts_be_it_a_status_or_missing(words in words()) {
        let (mut record, mut mark) = (HrRecord::first(&hr(0)), Watermark::default());
        let (mut said, mut as_of) = (HrWord::Active, 0);
        for (number, (word, minute)) in words.iter().enumerate() {
            let event = hr(*minute).called(&format!("e-{number}"));
            let merged = match word {
                HrWord::Active => record.merge_after(&event, &mark),
                HrWord::Inactive => record.merge_after(&event.inactive(), &mark),
                // A snapshot that is older than the last applied one is rejected.
                HrWord::Missing if mark.outdates(instant(*minute)) => Merge::Stale,
                HrWord::Missing => {
                    mark = mark.after(instant(*minute), []);
                    record = record.missing(instant(*minute)).unwrap_or(record);
                    Merge::Stale
                }
            };
            if let Merge::Unchanged(after) | Merge::Changed { record: after, .. } = merged {
                record = after;
            }
            if *minute >= as_of {
                (said, as_of) = (*word, *minute);
            }
            prop_assert_eq!(record.says(), said, "after {} of {:?}", number, words);
        }
    }

    #[test]
    fn the_order_of_distinct_instants_never_matters((events, order) in arrivals()) {
        let arrived: Vec<_> = order.iter().map(|at| events[*at].clone()).collect();
        prop_assert_eq!(all(&arrived), all(&events));
    }
}

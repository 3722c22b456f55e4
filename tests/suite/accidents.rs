//! Accidents of HR systems, through the production adapters: each with the safeguards as they are unless an admin
//! sets them, and without any. `docs/SAFEGUARDS.md` has what they come to; `UPDATE_EXPECT=1` writes its tables anew.

mod catalogue;
mod company;
mod list;
mod page;

use crate::stepwise::Town;
use catalogue::catalogue;
use company::{Company, Cost, Founded, Step};

/// An accident, in an admin's words.
struct Accident {
    name: &'static str,
    /// What HR sends.
    sends: &'static str,
    /// When somebody notices, and what they do.
    righted: &'static str,
    size: Size,
    steps: &'static [Step],
    promise: Promise,
}

/// What the safeguards, and the other rules about words, promise. The text says what stops it, where no hold does; or why
/// it passes.
#[derive(Debug, Clone, Copy)]
enum Promise {
    /// Nobody is ended wrongly.
    Nobody(&'static str),
    /// As many as the limits let go.
    Some(&'static str),
}

/// How large the company is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// 40 people.
    Usual,
    /// 40 people, and 55 who left long ago.
    Old,
    /// 15 people: too few for a percentage.
    Small,
}

/// What an accident has come to.
struct Told {
    accident: &'static Accident,
    without: Cost,
    with: Cost,
    /// The rules of the holds that were opened.
    rules: Vec<String>,
}

#[tokio::test]
async fn nobody_is_ended_wrongly_where_the_breaker_promises_it() {
    let mut town = Town::opened().await;
    let opened = town.image();
    let usual = Founded::new(&mut town, 40, 0).await;
    town.back_to(&opened);
    let old = Founded::new(&mut town, 40, 55).await;
    town.back_to(&opened);
    let small = Founded::new(&mut town, 15, 0).await;
    let (mut told, mut wrong) = (Vec::new(), Vec::new());
    for accident in catalogue() {
        let founded = match accident.size {
            Size::Usual => &usual,
            Size::Old => &old,
            Size::Small => &small,
        };
        let with = Company::cost(&mut town, founded, accident.steps, false).await;
        let mut say = |what: String| wrong.push(format!("{}: {what}", accident.name));
        with.wrong.into_iter().for_each(&mut say);
        let (with, rules) = (with.cost, with.rules);
        let without = match rules.is_empty() {
            // No limit was met, so looser ones would have changed nothing.
            true => with,
            false => {
                let ended = Company::cost(&mut town, founded, accident.steps, true).await;
                let wrong = ended.wrong.into_iter();
                wrong
                    .map(|one| format!("without: {one}"))
                    .for_each(&mut say);
                ended.cost
            }
        };
        let harmed = with.out > 0 || with.cards > 0;
        if harmed != matches!(accident.promise, Promise::Some(_))
            || with.out > without.out
            || with.cards > without.cards
        {
            say(format!("{with:?}, and without safeguards {without:?}"));
        }
        told.push(Told {
            accident,
            without,
            with,
            rules,
        });
    }
    assert_eq!(wrong, Vec::<String>::new());
    page::holds_what_they_came_to(&told);
}

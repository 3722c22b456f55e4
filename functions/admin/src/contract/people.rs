//! The routes of people, their cards and objectives.

use offramp_api::contract::{Operation, of, parameter, text};
use offramp_api::view::{
    AccessView, BoardView, CardView, CelebratingView, HistoryView, ObjectiveView, ObjectivesView,
    UserDetail, UserView, UsersView,
};
use offramp_app::Error;
use offramp_app::desk::explain::Explanation;
use offramp_app::desk::{objectives as page, users as list};
use offramp_domain::{CardId, EmployeeId, ObjectiveId, Refusal};
use serde_json::json;
use utoipa::openapi::Required;

use super::examples;
use crate::Route;
use crate::cards::{CardsView, NewCard, NewStatus as NewCardStatus, Reassign};
use crate::objectives::{NewObjective, NewStatus as NewObjectiveStatus};
use crate::paging::MAX_PART;
use crate::rules::NewLeaveDate;
use crate::users::{
    AddedView, ENTRIES, EndedView, MAX_Q, NewDue, NewLogin, NewRole, NewUser, RestoredView,
};

/// A route of one user.
pub(super) fn user(route: Route, summary: &'static str) -> Operation {
    Operation::of(route, summary)
        .path::<EmployeeId>("id", "The user's employee id.", "E-1012")
        .refuses([Error::NotFound("user")])
}

pub(super) fn users() -> Vec<Operation> {
    let states = ["active", "deactivation_scheduled", "deactivated", "deleted"];
    let status = parameter("status", "Only these.", text().enum_values(Some(states)));
    let q = parameter(
        "q",
        "The beginning of a name, an address or an id, in any case.",
        text().max_length(Some(MAX_Q)),
    );
    let id = parameter(
        "id",
        "Any name of a user; one that cannot be is as unknown as one that is not.",
        text(),
    );
    let email = parameter(
        "email",
        "The address, in any case.",
        text().min_length(Some(1)),
    );
    let ended = |operation: Operation| {
        operation
        .answers::<EndedView>(
            200,
            "Access is gone, and so are the cards",
            json!({ "status": "deactivated", "cards_cancelled": 4, "version": 8 }),
        )
        .answers::<EndedView>(
            202,
            "Access is gone; so many cards are still to be cancelled, which is done without you",
            json!({ "status": "deactivated", "cards_cancelled": 3, "cards_pending": 1, "version": 8 }),
        )
        .versioned()
        .if_match()
        .refuses([Refusal::OnSelf, Refusal::LastAdmin])
    };
    vec![
        Operation::of(Route::ListUsers, "Lists users by name, or finds them")
            .about("By name; a search by name, then by address, then by id. A page of a search may be shorter than its limit, or empty; as long as there is a cursor, it goes on.")
            .query(status.example(Some("active".into())))
            .query(q.example(Some("mar".into())))
            .paged(list::MAX_PAGE, list::PAGE)
            .answers::<UsersView>(
                200,
                "A page",
                json!({ "users": [examples::user()], "next_cursor": null }),
            ),
        Operation::of(Route::AddUser, "Adds somebody by hand")
            .takes::<NewUser>(json!({
                "employee_id": "E-2001", "role": "member", "name": "Noor Haddad", "email": "noor@acme.example",
            }))
            .about("`note` says whose address it is too, where it is somebody's, and if access by it waits for a confirmation.")
            .once()
            .answers::<AddedView>(201, "The user", examples::user())
            .versioned()
            .refuses([Refusal::Exists, Refusal::LoginTaken])
            .refuses(EmployeeId::new("E-1007").ok().map(Error::LookAlike)),
        user(Route::GetUser, "Shows a user whole")
            .answers::<UserDetail>(200, "The user", examples::whole_user())
            .versioned(),
        ended(user(Route::DeleteUser, "Deletes a user by hand")).about(
            "The sync does not bring the user back unless `restore_deleted_on` says so.",
        ),
        ended(user(
            Route::DeactivateNow,
            "Deactivates at once, cards too",
        ))
        .refuses([Refusal::Deleted]),
        user(
            Route::RestoreUser,
            "Undoes a deletion, a deactivation or a scheduled one",
        )
        .about("`note` says where HR sees it differently. Cancelled cards do not come back.")
        .answers::<RestoredView>(200, "The user", examples::user())
        .versioned()
        .if_match()
        .refuses([Refusal::OnSelf]),
        user(Route::ConfirmAddress, "Confirms that the address of a user is theirs")
            .about(
                "Where an admin has deleted or put out somebody who had the address, `GET …/access?email=` is `revoked`, \
                 `address_of_deleted`, until this, or until that person is restored. It may be said before that. It holds for \
                 the present address alone, and changes nothing where it was said before.",
            )
            .answers::<RestoredView>(200, "The user", examples::user())
            .versioned()
            .if_match()
            .refuses([Refusal::Deleted, Refusal::NoAddressYet]),
        user(Route::InviteUser, "Invites a user by mail")
            .about(
                "Where `invitations` invites nobody, or `max_invitations` has stopped the invitation. The mail is sent with the \
                 next digest, within three minutes, and is not counted.",
            )
            .answers::<UserView>(202, "The user, who will be mailed", examples::user())
            .versioned()
            .if_match()
            .once()
            .refuses([Refusal::NotActive, Refusal::NoAddressYet]),
        user(Route::PutRole, "Makes an admin, an auditor, or a member")
            .about(
                "An auditor may read what an admin may read, and nothing else. The appointment binds the `login` by which \
                 tokens name the person from now on, whatever address HR sends. Without one it is the last that the person \
                 had, else the address; then HR must not have changed the address within seven days.",
            )
            .takes::<NewRole>(json!({ "role": "admin", "login": "marta@acme.example" }))
            .answers::<RestoredView>(200, "The user", examples::user())
            .versioned()
            .if_match()
            .refuses([
                Refusal::OnSelf,
                Refusal::LastAdmin,
                Refusal::Deleted,
                Refusal::LoginTaken,
                Refusal::AddressChanged,
            ]),
        user(Route::PutLogin, "Changes the login of another admin, or of an auditor")
            .takes::<NewLogin>(json!({ "login": "marta@acme.example" }))
            .answers::<RestoredView>(200, "The user", examples::user())
            .versioned()
            .if_match()
            .refuses([Refusal::OnSelf, Refusal::Deleted, Refusal::LoginTaken]),
        user(Route::SetLeaveDate, "Sets, moves or removes the leave date")
            .about("A date of today or before acts at once.")
            .takes::<NewLeaveDate>(json!({ "leave_date": "2026-12-31" }))
            .answers::<RestoredView>(200, "The user", examples::user())
            .answers::<RestoredView>(
                202,
                "The user, some of whose cards are still to be cancelled",
                examples::user(),
            )
            .versioned()
            .if_match()
            .refuses([Refusal::OnSelf, Refusal::LastAdmin, Refusal::Deleted]),
        user(Route::PutDue, "Moves the end of one user's grace period")
            .about(
                "The cards live on until `due_at`; access stays as it is. `due_at` lies between the end that was \
                 announced first and 45 days after the ground began. A leave date that begins later ends the cards when \
                 it says. Every admin is mailed the new date.",
            )
            .takes::<NewDue>(json!({ "due_at": "2026-03-12T17:00:00Z", "reason": "She gives back the car that day." }))
            .answers::<UserView>(200, "The user", examples::user())
            .versioned()
            .if_match()
            .refuses([Refusal::OnSelf, Refusal::Deleted, Refusal::NotScheduled]),
        Operation::of(Route::GetUserAccess, "Whether a user may log in")
            .path_as(id.example(Some("E-1012".into())))
            .about("Unknown is revoked.")
            .answers::<AccessView>(
                200,
                "Yes or no, and why",
                json!({ "access": "granted", "reason": "active" }),
            ),
        Operation::of(Route::FindAccess, "Whether the person with this address may log in")
            .about(
                "Unknown is revoked. An address that HR has taken from somebody goes on answering for them until somebody \
                 else who is here has it. Where an admin has deleted or put out one of those who had it, it is `revoked`, \
                 `address_of_deleted`, until an admin restores them, or confirms the address for whoever is here.",
            )
            .query(email.required(Required::True).example(Some("marcus.doyle@acme.example".into())))
            .answers::<AccessView>(
                200,
                "Yes or no, and why",
                json!({ "access": "granted", "reason": "active" }),
            ),
        user(Route::GetHistory, "Every change of a user, newest first")
            .paged(ENTRIES, ENTRIES)
            .answers::<HistoryView>(
                200,
                "A page",
                json!({ "entries": [examples::entry()], "next_cursor": null }),
            ),
        user(
            Route::Explain,
            "Why a user is here or gone, what happens next, and what would change it",
        )
        .answers::<Explanation>(200, "Why", examples::explanation())
        .versioned(),
    ]
}

pub(super) fn cards() -> Vec<Operation> {
    let card = |route: Route, summary| {
        Operation::of(route, summary)
            .path::<CardId>("card", "The card.", "card_01a200d2f3c577eb8373081c4eb8f645")
            .refuses([Error::NotFound("card")])
    };
    vec![
        user(Route::ListCards, "Lists a user's cards, cancelled ones too")
            .paged(MAX_PART, MAX_PART)
            .answers::<CardsView>(
                200,
                "A page",
                json!({ "cards": [examples::card()], "next_cursor": null }),
            ),
        user(Route::AddCard, "Adds a card to somebody who is active")
            .takes::<NewCard>(json!({ "label": "Books", "kind": "virtual", "last4": "4243" }))
            .once()
            .answers::<CardView>(201, "The card", examples::card())
            .refuses([Refusal::NotActive])
            .refuses([Error::Exists("a card with this external_id")])
            .refuses([Error::TooMany("1,000 cards of this person")]),
        card(
            Route::ReassignCard,
            "Gives a card to somebody else who is active",
        )
        .takes::<Reassign>(json!({ "to": "E-1010" }))
        .answers::<CardView>(200, "The card", examples::card())
        .refuses([Refusal::NotActive, Refusal::CardCancelled])
        .refuses([Error::TooMany("1,000 cards of this person")]),
        card(Route::PutCardStatus, "Freezes a card, or thaws it")
            .takes::<NewCardStatus>(json!({ "status": "frozen" }))
            .answers::<CardView>(200, "The card", examples::card())
            .refuses([Refusal::CardCancelled]),
    ]
}

pub(super) fn objectives() -> Vec<Operation> {
    let objective = |route: Route, summary| {
        Operation::of(route, summary)
            .path::<ObjectiveId>(
                "objective",
                "The objective.",
                "obj_01a200d2f3c577eb8373081c4eb8f645",
            )
            .refuses([Error::NotFound("objective")])
    };
    let row = json!({
        "objective_id": "obj_01a200d2f3c577eb8373081c4eb8f645", "title": "Open the office in Lyon", "status": "open",
        "owner": "E-1010", "owner_name": "Ines Duarte",
    });
    let on = parameter(
        "on",
        "The day; today in the organisation's time zone unless given.",
        of("Date"),
    );
    vec![
        user(Route::ListObjectives, "Lists a user's objectives, oldest first")
            .paged(page::MAX_PAGE, page::PAGE)
            .answers::<ObjectivesView>(
                200,
                "A page",
                json!({ "objectives": [examples::objective()], "next_cursor": null }),
            ),
        user(Route::AddObjective, "Adds an objective to somebody who is here")
            .takes::<NewObjective>(json!({ "title": "Open the office in Lyon" }))
            .once()
            .answers::<ObjectiveView>(201, "The objective", examples::objective())
            .refuses([Refusal::NotActive]),
        objective(Route::PatchObjective, "Completes an objective, or opens it again")
            .takes::<NewObjectiveStatus>(json!({ "status": "complete" }))
            .answers::<ObjectiveView>(200, "The objective", examples::objective())
            .refuses([Refusal::NotActive]),
        objective(Route::DeleteObjective, "Deletes an objective").answers::<ObjectiveView>(
            200,
            "The objective, as it was",
            examples::objective(),
        ),
        Operation::of(
            Route::GetDashboard,
            "Lists the open objectives of people who are here",
        )
        .about("A page may be shorter than its limit, or empty; as long as there is a cursor, it goes on.")
        .paged(page::MAX_PAGE, page::PAGE)
        .answers::<BoardView>(
            200,
            "A page",
            json!({ "objectives": [row], "next_cursor": null }),
        ),
        Operation::of(
            Route::GetCelebrating,
            "Birthdays and work anniversaries of people who are here",
        )
        .query(on.example(Some("2026-06-06".into())))
        .paged(MAX_PART, MAX_PART)
        .answers::<CelebratingView>(
            200,
            "Who is celebrated",
            json!({
                "on": "2026-06-06",
                "birthdays": [{ "employee_id": "E-1010", "name": "Ines Duarte", "team": "Finance" }],
                "anniversaries": [{ "employee_id": "E-1011", "name": "Jon Aas", "team": "Platform", "years": 3 }],
                "next_cursor": null,
            }),
        ),
    ]
}

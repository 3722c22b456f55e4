//! The history is the whole account: who reads it from its beginning ends at what is stored. And of the mail that a
//! change brings about: who gets it, and who never does.

use offramp_domain::settings::Invitations;
use offramp_domain::{
    Access, Entry, Happening, Lifecycle, Notice, NoticeKind, Policy, Role, Status, User,
};

/// What a reader of the history knows.
#[derive(Debug, Default, PartialEq)]
struct Known {
    status: Option<Status>,
    access: Option<Access>,
    role: Option<Role>,
    cards: i64,
}

/// The history of a user replays to the user.
pub(crate) fn replays(entries: &[Entry], user: &User) {
    let id = &user.employee_id;
    let mut known = Known::default();
    for (version, entry) in (1..).zip(entries) {
        assert_eq!(entry.version, version, "{id}");
        assert_eq!(entry.from, known.status, "{id}: the chain of {entries:#?}");
        known.status = Some(entry.to);
        // The status says it, unless the entry does.
        known.access = entry.access.or(Some(match entry.to {
            Status::Active => Access::Granted,
            _ => Access::Revoked,
        }));
        match &entry.happening {
            Happening::RoleChanged { role, .. } => known.role = Some(*role),
            // Whoever comes back from a deletion is a member.
            _ if entry.from == Some(Status::Deleted) && entry.to == Status::Active => {
                known.role = Some(Role::Member);
            }
            Happening::CardAdded { .. } | Happening::CardTaken { .. } => known.cards += 1,
            Happening::CardGiven { .. } => known.cards -= 1,
            Happening::CardsTerminated { cards } => known.cards -= cards.len() as i64,
            _ => {}
        }
    }
    let last = entries.last().unwrap();
    assert_eq!(last.version, user.version, "{id}");
    assert_eq!(known.status, Some(user.status()), "{id}: status");
    assert_eq!(known.access, Some(user.access()), "{id}: access");
    // Of two grounds of one instant that are due together, either gives the cause.
    let in_force = || user.grounds.iter().filter(|(_, ground)| ground.counts());
    let first = in_force().map(|(_, ground)| ground.due_at).min();
    let together = in_force().filter(|(_, ground)| Some(ground.due_at) == first);
    if user.due_at().is_none() || together.count() < 2 {
        assert_eq!(
            last.cause,
            user.cause(),
            "{id}: cause {entries:#?} {:#?}",
            user.grounds
        );
    }
    assert_eq!(known.cards, i64::from(user.active_cards), "{id}: cards");
    if let Some(role) = known.role {
        assert_eq!(role, user.role, "{id}: role");
    }
    if let Lifecycle::Scheduled(schedule) = &user.lifecycle() {
        // A ground that came in a grace period, or went, has moved the end since.
        let moved = |entry: &&Entry| {
            entry.at >= schedule.at && entry.from == Some(Status::DeactivationScheduled)
        };
        if in_force().count() > 1 || entries.iter().any(|entry| moved(&entry)) {
            return;
        }
        // The entries of the moment in which the grace period began, where one of them says so: what came of a leave date
        // beside something else is told by the status alone.
        let mut began = entries
            .iter()
            .filter(|entry| entry.at == schedule.at)
            .filter_map(|entry| match &entry.happening {
                Happening::Scheduled { due_at } => Some(*due_at),
                _ => None,
            })
            .peekable();
        if began.peek().is_some() {
            assert!(
                began.any(|due_at| due_at == schedule.due_at),
                "{id}: the date"
            );
        }
    }
}

/// Only an invitation is a mail to the person whom a change is about, and it is one for who has access from now on and
/// had no account before; no other notice is of anybody but admins, and managers of leave dates.
pub(crate) fn mails(policy: &Policy, before: Option<&User>, after: &User, notice: &Notice) {
    let id = &after.employee_id;
    assert_eq!(
        notice.employee_id.as_ref(),
        Some(id),
        "told of somebody else"
    );
    if !notice.kind.invites() {
        return;
    }
    let who = policy.settings.invitations;
    assert_ne!(who, Invitations::None, "{id}: nobody is invited");
    assert_eq!(after.status(), Status::Active, "{id}: invited to nothing");
    match before.map(User::status) {
        None => {
            assert_eq!(
                who,
                Invitations::All,
                "{id}: only who comes back is invited"
            );
            assert_eq!(notice.kind, NoticeKind::invited(false));
        }
        Some(Status::Deactivated | Status::Deleted) => {
            let new = NoticeKind::invited(false);
            assert_ne!(notice.kind, new, "{id}: was here before");
        }
        Some(status) => panic!("{id}: invited, and was {status:?}"),
    }
}

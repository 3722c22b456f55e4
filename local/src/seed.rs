//! The organisation that a new stack comes with: `acme`, 25 people, two admins, and cards.
//!
//! It is made through the system's own API, as a customer would: the bootstrap identity adds the HR source, HR's events
//! create the people, the first admin appoints the second, and hands out the cards. Then its people are counted, as the
//! sweep would soon do, where the configuration asks for it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use offramp_app::Deadline;
use offramp_app::ports::{Notices, Timers};
use offramp_app::upkeep::watch;
use offramp_domain::{OrgId, SourceId, Timer};
use serde_json::{Value, json};

use crate::acme::{ADMINS, MACHINE, ORG, SOURCE};
use crate::client::Client;
use crate::signer::fill_now;
use crate::stack::core::{Core, Seeded};
use crate::{Error, files};

/// The people, as HR delivers them.
pub const PEOPLE: &str = include_str!("../../events/hr/everyone.json");

/// How long a count of the people may take.
const COUNTS_FOR: Duration = Duration::from_secs(10);
/// The cards: owner, label, kind, last four digits, and whether it is frozen.
const CARDS: [(&str, &str, &str, &str, bool); 19] = [
    ("E-1002", "Travel", "physical", "7702", false),
    ("E-1004", "Cloud services", "virtual", "1044", false),
    ("E-1004", "Software trials", "virtual", "1045", false),
    ("E-1004", "Conference tickets", "virtual", "1046", false),
    ("E-1004", "Travel", "physical", "1047", false),
    ("E-1006", "Test hardware", "virtual", "6106", false),
    ("E-1007", "Customer dinners", "physical", "4417", false),
    ("E-1007", "Train and flight", "virtual", "9021", false),
    ("E-1007", "Trade fair", "virtual", "2280", true),
    ("E-1010", "Postage", "virtual", "3310", false),
    ("E-1012", "Customer dinners", "physical", "5120", false),
    ("E-1012", "Travel", "virtual", "5121", false),
    ("E-1015", "Demo equipment", "virtual", "5150", false),
    ("E-1018", "Support tools", "virtual", "1801", false),
    ("E-1018", "Team events", "physical", "1802", false),
    ("E-1022", "Advertising", "virtual", "2201", false),
    ("E-1022", "Print", "virtual", "2202", false),
    ("E-1024", "Travel", "physical", "2401", false),
    ("E-1024", "Audit portal", "virtual", "2402", false),
];

/// Makes the organisation, unless the data directory says that it is there.
pub(crate) async fn run(core: &Core, data: Option<&Path>, counted: bool) -> Result<Seeded, Error> {
    let note = data.map(|folder| folder.join("seed.json"));
    let noted = note.as_deref().map(read).transpose()?.flatten();
    if let Some(seeded) = noted.as_ref().filter(|seeded| seeded.finished) {
        return Ok(seeded.clone());
    }
    let seed = Seed {
        client: Client::new(&core.url)?,
        core,
        admin: core.admin_token()?,
        bootstrap: core.bootstrap_token(ORG)?,
    };
    let mut seeded = match noted {
        Some(seeded) => seeded,
        None => {
            let webhook_secret = seed.source().await?;
            let seeded = Seeded {
                webhook_secret,
                finished: false,
            };
            write(note.as_ref(), &seeded)?;
            seeded
        }
    };
    seed.people(&seeded.webhook_secret).await?;
    seed.cards().await?;
    seed.machine().await?;
    seed.untold().await?;
    if counted {
        seed.count().await?;
    }
    seeded.finished = true;
    write(note.as_ref(), &seeded)?;
    Ok(seeded)
}

struct Seed<'c> {
    client: Client,
    core: &'c Core,
    admin: String,
    bootstrap: String,
}

impl Seed<'_> {
    /// Adds the source and gives its secret. Where a run that was cut off has added it, the secret is made anew.
    async fn source(&self) -> Result<String, Error> {
        let path = format!("/v1/orgs/{ORG}/sources");
        let added = self
            .client
            .post(&path, &json!({ "source": SOURCE }))
            .token(&self.bootstrap);
        let reply = added.reply().await?;
        let source = match reply.status {
            409 => {
                let path = format!("{path}/{SOURCE}/rotate-secret");
                let rotated = self.client.post(path, &json!({ "revoke_previous": true }));
                rotated.token(&self.bootstrap).ok().await?
            }
            200..300 => reply.body,
            _ => return Err(reply.unexpected()),
        };
        let secret = source["secret"].as_str().map(str::to_owned);
        secret.ok_or_else(|| Error::document("the new source", "it has no secret"))
    }

    /// Creates the people and appoints the admins.
    async fn people(&self, secret: &str) -> Result<(), Error> {
        let [first, second] = ADMINS;
        let appointed = self.get(&format!("users/{first}")).await?;
        if !appointed {
            let activate = json!({ "state": "active" });
            let source = format!("/v1/orgs/{ORG}/sources/{SOURCE}");
            self.client
                .patch(source, &activate)
                .token(&self.bootstrap)
                .ok()
                .await?;
            self.deliver(secret).await?;
            self.appoint(first, &self.bootstrap).await?;
        }
        self.appoint(second, &self.admin).await
    }

    async fn deliver(&self, secret: &str) -> Result<(), Error> {
        let now = self.core.cloud.clock().now();
        let mut delivery: Value = serde_json::from_str(PEOPLE)
            .map_err(|error| Error::document("everyone.json", error))?;
        fill_now(&mut delivery, now);
        let call = self.client.deliver(ORG, SOURCE, secret, now, &delivery)?;
        let answer = call.ok().await?;
        let results = answer["results"].as_array().into_iter().flatten();
        match results
            .into_iter()
            .find(|result| result["outcome"] == "rejected")
        {
            Some(rejected) => Err(Error::document("everyone.json", rejected)),
            None => Ok(()),
        }
    }

    async fn appoint(&self, employee: &str, token: &str) -> Result<(), Error> {
        let path = format!("/v1/orgs/{ORG}/users/{employee}/role");
        let role = json!({ "role": "admin" });
        self.client
            .put(path, &role)
            .token(token)
            .ok()
            .await
            .map(drop)
    }

    /// Hands out the cards; idempotency keys make a second run find the cards of the first.
    async fn cards(&self) -> Result<(), Error> {
        for (owner, label, kind, last4, frozen) in CARDS {
            let path = format!("/v1/orgs/{ORG}/users/{owner}/cards");
            let card = json!({ "label": label, "kind": kind, "last4": last4 });
            let key = format!("seed-{owner}-{last4}");
            let added = self
                .client
                .post(path, &card)
                .header("idempotency-key", &key);
            let added = added.token(&self.admin).ok().await?;
            if frozen {
                let card = added["card_id"].as_str().unwrap_or_default();
                let path = format!("/v1/orgs/{ORG}/cards/{card}/status");
                let status = json!({ "status": "frozen" });
                self.client
                    .put(path, &status)
                    .token(&self.admin)
                    .ok()
                    .await?;
            }
        }
        Ok(())
    }

    /// Registers the machine whose token `GET /_local` shows.
    async fn machine(&self) -> Result<(), Error> {
        let path = format!("/v1/orgs/{ORG}/machines");
        let machine = json!({
            "name": MACHINE, "subject": MACHINE, "may": ["access", "people", "cards"],
        });
        let added = self.client.post(path, &machine).token(&self.admin);
        let reply = added.reply().await?;
        match reply.status {
            // A run that was cut off has registered it.
            200..300 | 409 => Ok(()),
            _ => Err(reply.unexpected()),
        }
    }

    /// Counts the source's active people, as the sweep does within minutes of a first delivery. Until then a percentage
    /// holds nobody, and what comes of many leavers would depend on how long the stack has been up.
    async fn count(&self) -> Result<(), Error> {
        let org = OrgId::new(ORG).map_err(|error| Error::document("org", error))?;
        let source = SourceId::new(SOURCE).map_err(|error| Error::document("source", error))?;
        let sweep = self.core.offramp("sweep")?;
        let counted = watch::source(&sweep.of(&org), &source, Deadline::after(COUNTS_FOR)).await;
        counted.map_err(|error| Error::document("the count of the seed", error))
    }

    /// Nobody is mailed of what the seed did: whoever starts the stack knows it.
    async fn untold(&self) -> Result<(), Error> {
        let org = OrgId::new(ORG).map_err(|error| Error::document("org", error))?;
        let sweep = self.core.offramp("sweep")?;
        let tenant = sweep.of(&org);
        let failed = |error| Error::document("the notices of the seed", error);
        let unsent = tenant.store.unsent(&org).await.map_err(failed)?;
        let keys: Vec<_> = unsent.into_iter().map(|one| one.key).collect();
        tenant.store.remove(&org, &keys).await.map_err(failed)?;
        let minutes: BTreeSet<_> = keys.iter().map(|key| key.minute).collect();
        for minute in minutes {
            let org = org.clone();
            let digest = Timer::Digest { org, minute };
            tenant.timers.disarm(&digest).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Whether the first admin may read this: false as long as there is no admin.
    async fn get(&self, path: &str) -> Result<bool, Error> {
        let path = format!("/v1/orgs/{ORG}/{path}");
        let reply = self.client.get(path).token(&self.admin).reply().await?;
        match reply.status {
            200 => Ok(true),
            403 | 404 => Ok(false),
            _ => Err(reply.unexpected()),
        }
    }
}

fn read(note: &Path) -> Result<Option<Seeded>, Error> {
    match std::fs::read(note) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Error::document(note.display().to_string(), error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            path: note.to_owned(),
            source,
        }),
    }
}

fn write(note: Option<&PathBuf>, seeded: &Seeded) -> Result<(), Error> {
    let Some(note) = note else { return Ok(()) };
    let text = serde_json::to_vec_pretty(seeded);
    let text = text.map_err(|error| Error::document(note.display().to_string(), error))?;
    files::write_private(note, &text)
}

//! The routes of HR, one row each. The row gives the dispatch and the routes of `template.yaml`; `contract` describes
//! the requests and answers.

use offramp_api::http::Reply;
use offramp_app::Result;

use crate::Call;

offramp_api::routes! {
    /// A route of this function.
    pub enum Route;

    open {}

    within "/v1/orgs/{org}/sources/{source}" as Call<'_> => Result<Reply> {
        PostEvents:       POST "/events"                   => events,   Signed;
        OpenSnapshot:     POST "/snapshots"                => open,     Signed;
        PutPage:          PUT  "/snapshots/{id}/pages/{n}" => page,     Signed;
        CompleteSnapshot: POST "/snapshots/{id}/complete"  => complete, Signed;
        GetSnapshot:      GET  "/snapshots/{id}"           => snapshot, Signed;
    }
}

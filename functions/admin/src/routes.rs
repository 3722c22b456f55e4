//! The routes of the admin API, one row each. The row gives the dispatch, the permission, the query parameters and the
//! routes of `template.yaml`; `contract` describes the requests and answers.

use offramp_api::http::Reply;
use offramp_app::Result;

use crate::{Call, document, health};

offramp_api::routes! {
    /// A route of this function.
    pub enum Route;

    open {
        GetHealth:  GET "/healthz"         => health;
        GetOpenApi: GET "/v1/openapi.json" => document;
    }

    within "/v1/orgs/{org}" as Call<'_> => Result<Reply> {
        GetMe:           GET    "/me"                              => me,                   AnyToken;

        GetSettings:     GET    "/settings"                        => settings,             Admins;
        PatchSettings:   PATCH  "/settings"                        => patch_settings,       Admins, ["dry_run"];

        ListUsers:       GET    "/users"                           => users,                People, ["status", "q", "limit", "cursor"];
        AddUser:         POST   "/users"                           => add_user,             Admins;
        GetUser:         GET    "/users/{id}"                      => user,                 People;
        DeleteUser:      DELETE "/users/{id}"                      => delete_user,          Admins;
        DeactivateNow:   POST   "/users/{id}/deactivate-now"       => deactivate_now,       Admins;
        RestoreUser:     POST   "/users/{id}/restore"              => restore,              Admins;
        ConfirmAddress:  POST   "/users/{id}/confirm-address"      => confirm_address,      Admins;
        InviteUser:      POST   "/users/{id}/invite"               => invite,               Admins;
        PutRole:         PUT    "/users/{id}/role"                 => set_role,             Admins;
        PutLogin:        PUT    "/users/{id}/login"                => set_login,            Admins;
        SetLeaveDate:    PUT    "/users/{id}/leave-date"           => set_leave_date,       Admins;
        PutDue:          PUT    "/users/{id}/due"                  => set_due,              Admins;
        GetUserAccess:   GET    "/users/{id}/access"               => access,               Access;
        FindAccess:      GET    "/access"                          => access_by_email,      Access, ["email"];
        GetHistory:      GET    "/users/{id}/history"              => history,              Admins, ["limit", "cursor"];
        Explain:         GET    "/users/{id}/explain"              => explain,              Admins;

        ListCards:       GET    "/users/{id}/cards"                => cards,                Cards, ["limit", "cursor"];
        AddCard:         POST   "/users/{id}/cards"                => add_card,             Cards;
        ReassignCard:    POST   "/cards/{card}/reassign"           => reassign,             Cards;
        PutCardStatus:   PUT    "/cards/{card}/status"             => set_card_status,      Cards;

        ListObjectives:  GET    "/users/{id}/objectives"           => objectives,           Admins, ["limit", "cursor"];
        AddObjective:    POST   "/users/{id}/objectives"           => add_objective,        Admins;
        PatchObjective:  PATCH  "/objectives/{objective}"          => set_objective_status, Admins;
        DeleteObjective: DELETE "/objectives/{objective}"          => delete_objective,     Admins;
        GetDashboard:    GET    "/dashboard/objectives"            => dashboard,            Admins, ["limit", "cursor"];
        GetCelebrating:  GET    "/feeds/celebrating"               => celebrating,          Admins, ["on", "limit", "cursor"];

        GetSyncRules:    GET    "/sync-rules"                      => rules,                Admins;
        PutSyncRules:    PUT    "/sync-rules"                      => put_rules,            Admins;
        TestSyncRules:   POST   "/sync-rules/test"                 => test_rules,           Admins;
        Leavers:         POST   "/leavers"                         => leavers,              Admins, ["when", "then", "dry_run"];

        ListHolds:       GET    "/holds"                           => holds,                Admins, ["limit", "cursor"];
        GetHold:         GET    "/holds/{id}"                      => hold,                 Admins, ["cursor"];
        ApproveHold:     POST   "/holds/{id}/approve"              => approve_hold,         Admins;
        RejectHold:      POST   "/holds/{id}/reject"               => reject_hold,          Admins;

        ListRuns:        GET    "/runs"                            => runs,                 Admins, ["limit", "cursor"];
        GetRun:          GET    "/runs/{run}"                      => run,                  Admins, ["cursor"];
        UndoRun:         POST   "/runs/{run}/undo"                 => undo_run,             Admins;

        ListSources:     GET    "/sources"                         => sources,              Admins, ["limit", "cursor"];
        AddSource:       POST   "/sources"                         => add_source,           Admins;
        GetSource:       GET    "/sources/{source}"                => source,               Admins;
        PatchSource:     PATCH  "/sources/{source}"                => patch_source,         Admins;
        ListRejections:  GET    "/sources/{source}/rejections"     => rejections,           Admins, ["limit", "cursor"];
        RotateSecret:    POST   "/sources/{source}/rotate-secret"  => rotate_secret,        Admins;
        HandOver:        POST   "/sources/{source}/hand-over"      => hand_over,            Admins;

        ListMachines:    GET    "/machines"                        => machines,             Admins;
        AddMachine:      POST   "/machines"                        => add_machine,          Admins;
        RemoveMachine:   DELETE "/machines/{name}"                 => remove_machine,       Admins;

        Drift:           GET    "/reports/drift"                   => drift,                Admins, ["limit", "cursor"];
        Audit:           GET    "/audit"                           => audit,                Admins, ["since", "limit", "cursor"];
    }
}

impl Route {
    /// True if the route changes something and reads no body.
    pub(crate) fn takes_no_body(self) -> bool {
        matches!(
            self,
            Self::DeleteUser
                | Self::DeactivateNow
                | Self::RestoreUser
                | Self::ConfirmAddress
                | Self::InviteUser
                | Self::DeleteObjective
                | Self::UndoRun
                | Self::RemoveMachine
        )
    }
}

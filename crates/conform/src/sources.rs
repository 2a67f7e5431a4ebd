//! The pages and payloads that rules are taken from, by name and year.

use crate::scenario::Source;

pub(crate) const CREATE: Source = Source::new("Create a referral", "2019-2024", "D24");
pub(crate) const SAMPLE_2018: Source = Source::new("Create a referral", "2018", "D18");
pub(crate) const RESOURCES: Source = Source::new("Referral resources", "2019-2024", "D24");
pub(crate) const RESOURCES_2022: Source = Source::new("Referral resources", "2022", "D22");
pub(crate) const UPDATE: Source = Source::new("Update a referral", "2019", "D19");
pub(crate) const PATCH: Source = Source::new("Update a lead or opportunity", "2020-2026", "D26");
pub(crate) const LIST: Source = Source::new("Get a list of referrals", "2019, 2020", "D20");
pub(crate) const GET: Source = Source::new("Get a referral by ID", "2019, 2020", "D20");
pub(crate) const ERRORS: Source = Source::new("Referrals API response codes", "2019-2024", "D24");
pub(crate) const HEADERS: Source = Source::new("Partner API REST headers", "2019, 2022", "D22");
pub(crate) const AUTH: Source = Source::new("Referrals API authentication", "2019-2024", "D24");
pub(crate) const ROLES: Source = Source::new("Permissions overview", "2023", "D23");
pub(crate) const THROTTLING: Source = Source::new("API throttling guidance", "2022", "D22");
pub(crate) const WEBHOOKS: Source = Source::new("Partner Center webhooks", "2018-2024", "D24");
pub(crate) const WEBHOOK_EVENTS: Source = Source::new("Partner Center webhook events", "2024", "D24");
pub(crate) const EVENTS_CONNECTOR: Source = Source::new("Partner Center Events connector", "2024", "SW");
pub(crate) const AUDIT: Source = Source::new("Get a record of Partner Center activity", "2024", "D24");
pub(crate) const SWAGGER: Source =
    Source::new("Partner Center Referrals connector (Swagger)", "2020-2024", "SW");
pub(crate) const FLOW: Source = Source::new("Partner-Center-Referrals sample flow", "2019", "FL");
pub(crate) const PAYLOADS: Source = Source::new("Real payloads in public sample files", "2022", "RP");
pub(crate) const PORTAL: Source = Source::new("Manage co-sell opportunities", "2021-2026", "UI");
pub(crate) const BULK: Source = Source::new("Bulk operations for co-sell", "2021-2023", "UI");
pub(crate) const CLIENTS: Source =
    Source::new("Clients as they are run (MSAL, OData, connectors)", "2020-2026", "TP");
pub(crate) const ODATA: Source = Source::new("OData 4.01, URL conventions", "2020", "INF");
pub(crate) const ODATA_PROTOCOL: Source = Source::new("OData 4.01, protocol", "2020", "INF");
pub(crate) const ODATA_BATCH: Source = Source::new("OData JSON Format 4.01, section 19", "2020", "INF");
pub(crate) const JSON_PATCH: Source = Source::new("RFC 6902, with add and replace only", "2013", "D20");
pub(crate) const RECOMMENDED: Source = Source::new("Recommended where the pages are silent", "2026", "INF");
pub(crate) const LIAISON: Source = Source::new("Liaison, API.md", "2026", "own addition");
pub(crate) const TROUBLESHOOTING: Source = Source::new("Troubleshoot the co-sell connectors", "2026", "UI");
pub(crate) const MFA: Source = Source::new("Partner Center API errors: 401 with 900421", "2024", "D24");
pub(crate) const SMART_OFFICE: Source =
    Source::new("Partner-Smart-Office, issue 68: a client that a new value broke", "2026", "TP");

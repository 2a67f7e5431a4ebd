//! A scenario: a rule of the contract, where it is written, and a small function that tries it.

use futures_util::future::LocalBoxFuture;

use crate::{check::Verdict, play::Play};

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Documented, or clients break without it.
    Must,
    /// Recommended where the documents are silent or contradict each other.
    Should,
}

/// Where a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Source {
    /// The page, payload or client.
    pub page: &'static str,
    /// The years of the versions that were read.
    pub years: &'static str,
    /// What kind of evidence it is: `D` a developer page with its year, `SW` the connector's description, `FL` the sample
    /// flow, `RP` real payloads, `UI` pages for end users, `TP` other people's clients, `INF` an inference.
    pub evidence: &'static str,
}

impl Source {
    pub(crate) const fn new(page: &'static str, years: &'static str, evidence: &'static str) -> Self {
        Self { page, years, evidence }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\", {} [{}]", self.page, self.years, self.evidence)
    }
}

/// What the target must have, or the caller allow, for a scenario to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Need {
    /// A token of another organisation.
    Other,
    /// How the other organisation is addressed.
    OtherTarget,
    /// A token of Microsoft's.
    Microsoft,
    /// Leave to invite Microsoft.
    InviteMicrosoft,
    /// A token of a Referrals user of the caller's organisation.
    User,
    /// The e-mail address of that user.
    UserEmail,
    /// A token of a person without a Referrals role.
    Roleless,
    /// A token of an application without a person.
    Application,
    /// A token for the Partner Center API.
    PartnerCenter,
    /// Leave to replace the webhook registration of the caller's organisation.
    Webhooks,
    /// A solution of the caller's organisation.
    Solution,
    /// Leave to make a hundred referrals more.
    Bulk,
    /// Names and passwords at a token endpoint, instead of tokens.
    SignIn,
    /// A server that knows `$batch`.
    Batch,
    /// A server that claims Liaison's own additions.
    Liaison,
}

impl Need {
    /// Says why a scenario that needs it is skipped.
    pub fn lacking(self) -> &'static str {
        match self {
            Self::Other => "there is no token of a second organization (--other-token)",
            Self::OtherTarget => "it is not known how to address the second organization (--other-target)",
            Self::Microsoft => "there is no token of Microsoft's (--microsoft-token)",
            Self::InviteMicrosoft => "inviting Microsoft is not allowed (--invite-microsoft)",
            Self::User => "there is no token of a Referrals user (--user-token)",
            Self::UserEmail => "the e-mail address of the Referrals user is not known (--parties)",
            Self::Roleless => "there is no token of a person without a Referrals role (--roleless-token)",
            Self::Application => "there is no token of an application by itself (--application-token)",
            Self::PartnerCenter => "there is no token for the Partner Center API (--partner-center-token)",
            Self::Webhooks => "replacing the webhook registration is not allowed (--webhooks)",
            Self::Solution => "no solution of the caller's is named (--solution)",
            Self::Bulk => "making a hundred referrals is not allowed (--bulk)",
            Self::SignIn => "tokens were given, and nothing is known of how to sign in (--parties)",
            Self::Batch => "the server has no $batch",
            Self::Liaison => "the server does not claim Liaison's additions (--liaison)",
        }
    }
}

/// What tries a rule.
pub(crate) trait Try {
    fn run<'a>(&'a self, play: &'a Play) -> LocalBoxFuture<'a, Verdict>;
}

impl<F: AsyncFn(&Play) -> Verdict> Try for F {
    fn run<'a>(&'a self, play: &'a Play) -> LocalBoxFuture<'a, Verdict> {
        Box::pin(self(play))
    }
}

/// A rule of the contract that can be tried.
pub struct Scenario {
    /// The group of the table it stands in.
    pub group: &'static str,
    /// Unique, in lower case with hyphens.
    pub name: &'static str,
    /// The rule, in one sentence.
    pub rule: String,
    /// How binding it is.
    pub level: Level,
    /// Where it is written.
    pub source: Source,
    /// What it cannot be played without.
    pub needs: Vec<Need>,
    pub(crate) play: Box<dyn Try>,
}

impl Scenario {
    /// Adds something that it cannot be played without.
    pub(crate) fn needs(mut self, needs: &[Need]) -> Self {
        self.needs.extend_from_slice(needs);
        self
    }
}

/// Makes a scenario of a documented rule; its group is set by who lists it.
pub(crate) fn must(
    name: &'static str,
    rule: impl Into<String>,
    source: Source,
    play: impl AsyncFn(&Play) -> Verdict + 'static,
) -> Scenario {
    let (group, level, needs) = ("", Level::Must, Vec::new());
    Scenario { group, name, rule: rule.into(), level, source, needs, play: Box::new(play) }
}

/// Makes a scenario of a recommended rule.
pub(crate) fn should(
    name: &'static str,
    rule: impl Into<String>,
    source: Source,
    play: impl AsyncFn(&Play) -> Verdict + 'static,
) -> Scenario {
    Scenario { level: Level::Should, ..must(name, rule, source, play) }
}

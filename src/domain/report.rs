//! What reading and checking a request found: problems that refuse it, and what was ignored or normalised.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Stable codes of the problems that a client can cause. Codes never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemCode {
    /// The body is not an acceptable JSON document.
    MalformedBody,
    /// A member has a type, form or value that is not accepted.
    InvalidValue,
    /// A member that must be there is absent, null or empty.
    RequiredFieldMissing,
    /// Two spellings of one member stand in one object.
    DuplicateMember,
    /// A text or an array is too long.
    TooLong,
    /// The status cannot be given or reached here.
    InvalidStatusTransition,
    /// A target is not known.
    UnknownTarget,
    /// Targets belong to several organisations.
    AmbiguousTarget,
    /// The engagement is not one that the caller takes part in.
    UnknownEngagement,
    /// The caller's part of the engagement is closed.
    ReferralClosed,
    /// Consent that the step needs is not given.
    ConsentMissing,
    /// The member cannot change any more.
    ImmutableField,
    /// A member has no effect, and the caller asked for a refusal then.
    MemberIgnored,
    /// The operation of a JSON Patch is not supported.
    UnsupportedPatchOperation,
    /// The path of a JSON Patch is none that can change.
    UnsupportedPatchPath,
}

impl ProblemCode {
    /// Returns the code as clients read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedBody => "malformedBody",
            Self::InvalidValue => "invalidValue",
            Self::RequiredFieldMissing => "requiredFieldMissing",
            Self::DuplicateMember => "duplicateMember",
            Self::TooLong => "tooLong",
            Self::InvalidStatusTransition => "invalidStatusTransition",
            Self::UnknownTarget => "unknownTarget",
            Self::AmbiguousTarget => "ambiguousTarget",
            Self::UnknownEngagement => "unknownEngagement",
            Self::ReferralClosed => "referralClosed",
            Self::ConsentMissing => "consentMissing",
            Self::ImmutableField => "immutableField",
            Self::MemberIgnored => "memberIgnored",
            Self::UnsupportedPatchOperation => "unsupportedPatchOperation",
            Self::UnsupportedPatchPath => "unsupportedPatchPath",
        }
    }
}

/// One reason why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Code of the situation.
    pub code: ProblemCode,
    /// JSON pointer into the request body.
    pub target: String,
    /// What is wrong, in a sentence for developers.
    pub message: String,
    /// Name of the rule that decided, as in API.md.
    pub rule: &'static str,
    /// What would be accepted; `None` when it cannot be listed.
    pub allowed: Option<Vec<String>>,
}

/// A member that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// JSON pointer into the document.
    pub target: String,
}

/// A member that was sent and had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// JSON pointer into the request body.
    pub target: String,
    /// Name of the rule, such as `unknownMember`, `readOnlyMember`, `noTarget`, `targetDecides`.
    pub rule: Cow<'static, str>,
}

/// A member that is stored in another form than it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Normalized {
    /// JSON pointer into the request body.
    pub target: String,
    /// Name of the rule, such as `memberName`, `enumSpelling`, `textToNumber`.
    pub rule: &'static str,
}

/// How many findings of one kind are kept; more are only counted, so that a small request cannot make a
/// large answer.
const FINDINGS_MAX: usize = 100;

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Reasons to refuse.
    pub problems: Vec<Problem>,
    /// Reasons to refuse that are not kept.
    pub problems_omitted: usize,
    /// Members that changed.
    pub applied: Vec<Applied>,
    /// Members without effect.
    pub ignored: Vec<Ignored>,
    /// Members stored in another form.
    pub normalized: Vec<Normalized>,
}

impl Report {
    /// Says whether a problem at `target`, above or below is known.
    pub fn has_problem_at(&self, target: &str) -> bool {
        let is_above = |above: &str, below: &str| {
            below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.problems.iter().any(|it| is_above(&it.target, target) || is_above(target, &it.target))
    }

    /// Adds a problem.
    pub fn problem(
        &mut self,
        code: ProblemCode,
        rule: &'static str,
        target: impl Into<String>,
        message: impl Into<String>,
    ) {
        let problem = Problem { code, target: target.into(), message: message.into(), rule, allowed: None };
        self.add(problem);
    }

    /// Adds a problem and lists what would be accepted.
    pub fn problem_with_allowed(
        &mut self,
        code: ProblemCode,
        rule: &'static str,
        target: impl Into<String>,
        message: impl Into<String>,
        allowed: Vec<String>,
    ) {
        let (target, message) = (target.into(), message.into());
        self.add(Problem { code, target, message, rule, allowed: Some(allowed) });
    }

    fn add(&mut self, problem: Problem) {
        match self.problems.len() < FINDINGS_MAX {
            true => self.problems.push(problem),
            false => self.problems_omitted = self.problems_omitted.saturating_add(1),
        }
    }

    /// Adds "required" for `target`, unless a problem there says more already.
    pub fn required(&mut self, target: &str, message: impl Into<String>) {
        if !self.has_problem_at(target) {
            self.problem(ProblemCode::RequiredFieldMissing, "required", target, message);
        }
    }

    /// Notes that a member changed.
    pub fn applied(&mut self, target: String) {
        if self.applied.len() < FINDINGS_MAX {
            self.applied.push(Applied { target });
        }
    }

    /// Turns what has no effect into problems.
    pub fn refuse_ignored(&mut self) {
        for Ignored { target, rule } in std::mem::take(&mut self.ignored) {
            let message = format!("the member has no effect ({rule}), and handling=strict was asked for");
            self.problem(ProblemCode::MemberIgnored, "strict", target, message);
        }
    }

    /// Notes that a member has no effect.
    pub fn ignored(&mut self, target: String, rule: &'static str) {
        if self.ignored.len() < FINDINGS_MAX {
            self.ignored.push(Ignored { target, rule: rule.into() });
        }
    }

    /// Notes that a member is stored in another form.
    pub fn normalized(&mut self, target: String, rule: &'static str) {
        if self.normalized.len() < FINDINGS_MAX {
            self.normalized.push(Normalized { target, rule });
        }
    }
}

/// Cuts a text that is quoted in a message.
pub fn shortened(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// Escapes a name for a JSON pointer (RFC 6901).
pub fn pointer_segment(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        return Cow::Owned(name.replace('~', "~0").replace('/', "~1"));
    }
    Cow::Borrowed(name)
}

//! What a counterpart does with an invitation, in words that a policy and the notes of a referral share.
//!
//! ```text
//! script = order *( blank order )
//! order  = ["#"] word [ "-after:" duration ] [ ":" reason ]
//! word   = open | accept | decline | win | lose | silent | alternate
//! reason = one word, or several in double quotes; of decline and lose only
//! ```
//!
//! Times count from the moment of the invitation; those of `win` and `lose` from the acceptance. In notes an order
//! begins with `#`, and every other word is just text.

use crate::{
    domain::{lifecycle::Action, report::shortened, time::Timestamp},
    service::clock::duration_of_text,
};

/// What is said by who declines without a reason of its own.
const DECLINE_REASON: &str = "We have no capacity for this at the moment";
/// What is said by who loses without one.
const LOSE_REASON: &str = "The customer chose another solution";

/// The words.
pub const WORDS: [&str; 7] = ["open", "accept", "decline", "win", "lose", "silent", "alternate"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Open,
    Accept,
    Decline,
    Win,
    Lose,
    Silent,
    Alternate,
}

const ALL: [Word; 7] =
    [Word::Open, Word::Accept, Word::Decline, Word::Win, Word::Lose, Word::Silent, Word::Alternate];

impl Word {
    fn parse(text: &str) -> Option<Self> {
        ALL.into_iter().zip(WORDS).find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(word, _)| word)
    }

    /// Says whether it decides what becomes of an invitation before it is accepted.
    fn is_reply(self) -> bool {
        match self {
            Self::Open | Self::Accept | Self::Decline | Self::Silent | Self::Alternate => true,
            Self::Win | Self::Lose => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    word: Word,
    after_ticks: i64,
    reason: Option<String>,
    /// As it was written, without `#`.
    text: String,
}

/// What a counterpart does with an invitation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(Vec<Order>);

/// Something that is to be done, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// When.
    pub due: Timestamp,
    /// What is said with it.
    pub reason: Option<String>,
    /// The order that asks for it, as it was written.
    pub because: String,
}

impl Script {
    /// Reads the script of a policy, where nothing else may stand.
    ///
    /// # Errors
    /// What is wrong, in a sentence for each word.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut orders, mut problems) = (Vec::new(), Vec::new());
        for token in tokens(text) {
            match read(token.trim_start_matches('#')) {
                Some(Ok(order)) => orders.push(order),
                Some(Err(problem)) => problems.push(problem),
                None => problems.push(format!("\"{}\" is none of the words", shortened(token))),
            }
        }
        let replies = orders.iter().filter(|it| it.word.is_reply() && it.word != Word::Open).count();
        if replies > 1 {
            problems.push("accept, decline, alternate and silent exclude each other".to_owned());
        }
        if orders.is_empty() && problems.is_empty() {
            problems.push("the script is empty; \"silent\" is the one that does nothing".to_owned());
        }
        if problems.is_empty() { Ok(Self(orders)) } else { Err(problems) }
    }

    /// Reads the orders that stand in a text, and what is wrong with those that cannot be followed.
    pub fn find_in(text: &str) -> (Self, Vec<String>) {
        let (mut orders, mut problems) = (Vec::new(), Vec::new());
        for (_, rest) in
            text.match_indices('#').filter_map(|(at, _)| text.split_at_checked(at.saturating_add(1)))
        {
            let order = token(rest).trim_end_matches(['.', ',', ';', '!', ')']);
            match read(order) {
                Some(Ok(order)) => orders.push(order),
                Some(Err(problem)) => problems.push(problem),
                None => {}
            }
        }
        (Self(orders), problems)
    }

    /// Returns what is done where `notes` stand in the referral itself: what they say of the reply takes the place of
    /// the whole reply, what they say of the end that of the end.
    pub fn overruled_by(self, notes: Self) -> Self {
        let has = |is_reply| notes.0.iter().any(|it| it.word.is_reply() == is_reply);
        let (reply, end) = (has(true), has(false));
        // Whoever says only how it ends wants it to be accepted.
        let is_accepted = |it: &Order| !(end && !reply && matches!(it.word, Word::Silent | Word::Decline));
        let mut orders: Vec<_> = self
            .0
            .into_iter()
            .filter(|it| if it.word.is_reply() { !reply && is_accepted(it) } else { !end })
            .collect();
        orders.extend(notes.0);
        Self(orders)
    }

    /// Returns what is to be done with an invitation of that moment. `turn` counts the invitations of the organisation
    /// from 0, for those that alternate.
    pub fn steps(&self, at: Timestamp, turn: u64) -> Vec<Step> {
        let last = |words: &[Word]| self.0.iter().rev().find(|it| words.contains(&it.word));
        let mut steps = Vec::new();
        if last(&[Word::Silent]).is_some() {
            return steps;
        }
        let open = last(&[Word::Open]);
        steps.extend(open.map(|it| step(Action::Open, it, at)));
        let (win, lose) = (last(&[Word::Win]), last(&[Word::Lose]));
        let reply = last(&[Word::Accept, Word::Decline, Word::Alternate]);
        let end = match (win, lose) {
            (Some(win), Some(lose)) => Some(if (turn / 2).is_multiple_of(2) { win } else { lose }),
            (win, lose) => win.or(lose),
        };
        let Some(reply) = reply.or(end.filter(|_| open.is_none())) else { return steps };
        let (accepts, after) = match reply.word {
            Word::Accept => (true, reply.after_ticks),
            Word::Alternate => (turn.is_multiple_of(2), reply.after_ticks),
            Word::Decline => (false, reply.after_ticks),
            // It has to be accepted to be won or lost.
            Word::Win | Word::Lose => (true, 0),
            Word::Open | Word::Silent => return steps,
        };
        let answered = plus(at, after);
        let action = if accepts { Action::Accept } else { Action::Decline };
        let timed = Order { after_ticks: after, ..reply.clone() };
        steps.push(step(action, &timed, at));
        if let (true, Some(end)) = (accepts, end) {
            let action = if end.word == Word::Win { Action::Win } else { Action::Lose };
            steps.push(step(action, end, answered));
        }
        steps
    }
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, order) in self.0.iter().enumerate() {
            let blank = if place == 0 { "" } else { " " };
            write!(f, "{blank}{}", order.text)?;
        }
        Ok(())
    }
}

fn step(action: Action, order: &Order, from: Timestamp) -> Step {
    let reason = match action {
        Action::Decline => Some(order.reason.as_deref().unwrap_or(DECLINE_REASON).to_owned()),
        Action::Lose => Some(order.reason.as_deref().unwrap_or(LOSE_REASON).to_owned()),
        _ => None,
    };
    Step { action, due: plus(from, order.after_ticks), reason, because: order.text.clone() }
}

fn plus(at: Timestamp, ticks: i64) -> Timestamp {
    Timestamp::from_ticks(at.ticks().saturating_add(ticks))
}

/// Splits a text at blanks, but for those between double quotes.
fn tokens(text: &str) -> Vec<&str> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let token = token(rest);
        tokens.push(token);
        rest = rest.get(token.len()..).unwrap_or_default().trim_start();
    }
    tokens
}

/// Returns the beginning of a text up to the first blank that is not between quotes; a quote that is never closed is
/// just a character.
fn token(text: &str) -> &str {
    let end = |minds_quotes: bool| {
        let mut is_quoted = false;
        let is_end = |it: char| {
            is_quoted ^= minds_quotes && it == '"';
            it.is_whitespace() && !is_quoted
        };
        (text.find(is_end), is_quoted)
    };
    let found = match end(true) {
        (None, true) => end(false).0,
        (found, _) => found,
    };
    found.and_then(|it| text.get(..it)).unwrap_or(text)
}

/// Reads one order, without `#`. `None` when it begins with none of the words.
fn read(text: &str) -> Option<Result<Order, String>> {
    let (name, rest) = match text.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    let lower = name.to_ascii_lowercase();
    let (name, is_timed) = match lower.strip_suffix("-after") {
        Some(name) => (name, true),
        None => (lower.as_str(), false),
    };
    let word = Word::parse(name)?;
    Some(read_rest(word, text, rest, is_timed))
}

fn read_rest(word: Word, text: &str, rest: Option<&str>, is_timed: bool) -> Result<Order, String> {
    let said = shortened(text);
    if is_timed && matches!(word, Word::Silent) {
        return Err(format!("\"{said}\" has a time, but who is silent does nothing"));
    }
    let (duration, reason) = match (is_timed, rest) {
        (true, None) => return Err(format!("\"{said}\" lacks its duration, such as 2h or 3d")),
        (true, Some(rest)) => {
            rest.split_once(':').map_or((Some(rest), None), |(it, more)| (Some(it), Some(more)))
        }
        (false, rest) => (None, rest),
    };
    let after_ticks = match duration {
        None => 0,
        Some(duration) => duration_of_text(duration)
            .map_err(|problem| format!("\"{said}\": {problem}; write it as 90s, 15m, 2h, 3d or 1w"))?,
    };
    let reason = reason.map(|it| it.trim_matches('"').trim().to_owned()).filter(|it| !it.is_empty());
    if reason.is_some() && !matches!(word, Word::Decline | Word::Lose) {
        return Err(format!("\"{said}\" has a reason, which goes with decline and lose only"));
    }
    Ok(Order { word, after_ticks, reason, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{DECLINE_REASON, LOSE_REASON, Script, Timestamp};

    /// Returns `action after-in-hours reason` of every step.
    fn steps(script: &Script, turn: u64) -> Vec<String> {
        let line = |it: super::Step| {
            let hours = it.due.unix_secs() / 3600;
            [it.action.as_str(), &hours.to_string(), it.reason.as_deref().unwrap_or_default()].join(" ")
        };
        script.steps(Timestamp::from_unix_secs(0), turn).into_iter().map(line).collect()
    }

    fn script(text: &str) -> Script {
        Script::parse(text).unwrap()
    }

    #[test]
    fn a_script_says_what_happens_and_when() {
        for (text, expected) in [
            ("accept-after:2h", vec!["accept 2 "]),
            ("#accept", vec!["accept 0 "]),
            ("ACCEPT-AFTER:1d #win-after:3d", vec!["accept 24 ", "win 96 "]),
            ("open-after:1h accept-after:90m", vec!["open 1 ", "accept 1 "]),
            ("decline:\"no budget\"", vec!["decline 0 no budget"]),
            ("decline-after:1d6h:busy", vec!["decline 30 busy"]),
            ("win-after:1h", vec!["accept 0 ", "win 1 "]),
            ("open", vec!["open 0 "]),
            ("silent", vec![]),
            ("silent win", vec![]),
        ] {
            assert_eq!(steps(&script(text), 0), expected, "{text}");
        }
        assert_eq!(steps(&script("decline"), 0), [format!("decline 0 {DECLINE_REASON}")]);
        assert_eq!(steps(&script("accept lose-after:1h"), 0)[1], format!("lose 1 {LOSE_REASON}"));
    }

    #[test]
    fn whoever_alternates_goes_by_the_number_of_the_invitation() {
        let script = script("alternate-after:1h win-after:1h lose-after:2h:price");
        let said: Vec<_> = (0..4).map(|turn| steps(&script, turn).join(", ")).collect();

        assert_eq!(said[0], "accept 1 , win 2 ");
        assert!(said[1].starts_with("decline 1 "), "{said:?}");
        assert_eq!(said[2], "accept 1 , lose 3 price");
        assert!(said[3].starts_with("decline 1 "), "{said:?}");
    }

    #[test]
    fn notes_overrule_the_policy_in_what_they_speak_of() {
        for (policy, notes, expected) in [
            ("accept-after:1m", "Please hurry! #urgent", "accept 0 "),
            ("accept-after:1h", "We expect a success (#win-after:1d).", "accept 1 , win 25 "),
            ("accept win", "#decline:\"not our market\"", "decline 0 not our market"),
            ("accept win-after:1h", "#accept-after:2h", "accept 2 , win 3 "),
            ("accept", "#open.", "open 0 "),
            ("accept", "#silent", ""),
            ("accept", "a 19\" rack,#decline-after:1h:full", "decline 1 full"),
            ("silent", "#lose:price", "accept 0 , lose 0 price"),
        ] {
            let (notes_script, problems) = Script::find_in(notes);
            let whole = script(policy).overruled_by(notes_script);
            assert_eq!(
                (steps(&whole, 0).join(", ").as_str(), problems.len()),
                (expected, 0),
                "{policy} {notes}"
            );
        }
    }

    #[test]
    fn every_word_that_cannot_be_followed_is_named() {
        for (text, parts) in [
            ("acept", &["\"acept\" is none of the words"][..]),
            ("", &["is empty"]),
            ("accept-after:soon win-after", &["accept-after:soon", "lacks its duration"]),
            ("accept:gladly", &["has a reason"]),
            ("silent-after:1h", &["who is silent does nothing"]),
            ("accept decline", &["exclude each other"]),
            ("accept-after:1mo", &["months"]),
        ] {
            let problems = Script::parse(text).unwrap_err();
            assert_eq!(problems.len(), parts.len(), "{text}: {problems:?}");
            for (problem, part) in problems.iter().zip(parts) {
                assert!(problem.contains(part), "{text}: {problem}");
            }
        }
        let (found, problems) = Script::find_in("#accept-after:soon #acept #Decline");
        assert_eq!((found.to_string().as_str(), problems.len()), ("Decline", 1));
    }
}

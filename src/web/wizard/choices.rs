//! What there is to choose from, under the names that people know.

use std::sync::LazyLock;

use celes::Country;
use iso_currency::{Currency, Flag};

use super::fields::Choices;
use crate::{
    domain::{
        organization::Location,
        vocabulary::{AssistanceRequestCode, CustomerSize, MARKETPLACE_INTENTS, Vocabulary as _},
    },
    web::words::Words,
};

/// One of a list.
pub(super) struct Choice {
    /// What is sent.
    pub(super) value: String,
    /// What is read.
    pub(super) label: String,
    /// More of that; empty when there is none.
    pub(super) hint: String,
    pub(super) is_chosen: bool,
}

/// Kinds of help, in the order of the portal (its numbers 1 to 6).
const HELP: [AssistanceRequestCode; 6] = [
    AssistanceRequestCode::WorkloadSpecificValueProposition,
    AssistanceRequestCode::CustomerTechnicalArchitecture,
    AssistanceRequestCode::ProofOfConceptOrDemo,
    AssistanceRequestCode::QuotesOrLicensing,
    AssistanceRequestCode::PostSalesCustomerSuccess,
    AssistanceRequestCode::GeneralOrOther,
];

/// The sizes that follow each other without a gap; the wire has older, coarser ones too.
const SIZES: [CustomerSize; 8] = [
    CustomerSize::From1To9,
    CustomerSize::From10To50,
    CustomerSize::From51To250,
    CustomerSize::From251To1000,
    CustomerSize::From1001To5000,
    CustomerSize::From5001To10000,
    CustomerSize::From10001To20000,
    CustomerSize::MoreThan20000,
];

/// Countries by name: two letters, and the name as people look for it.
static COUNTRIES: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    let mut countries: Vec<_> =
        Country::get_countries().iter().map(|it| (it.alpha2, country_name(it.long_name))).collect();
    countries.sort_by(|one, other| one.1.cmp(&other.1));
    countries.dedup();
    countries
});

/// Currencies that money is paid in, by code.
static CURRENCIES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
    let known = codes.filter_map(|it| Currency::from_code(std::str::from_utf8(&it).ok()?));
    let paid = known.filter(|it| {
        it.flags().iter().all(|flag| !matches!(flag, Flag::Special | Flag::Fund | Flag::Superseded(_)))
    });
    paid.map(|it| (it.code().to_owned(), it.name().to_owned())).collect()
});

/// Returns a country's name without its article, and with small words in small letters.
fn country_name(long: &str) -> String {
    let long = long.strip_prefix("The ").unwrap_or(long);
    [" Of ", " And ", " The ", " Da "]
        .into_iter()
        .fold(long.to_owned(), |name, word| name.replace(word, &word.to_lowercase()))
}

/// Lists what there is to choose from. What was chosen and is not there any more stays in the list, so that it is
/// neither lost nor changed in silence.
pub(super) fn list(choices: Choices, chosen: &str, locations: &[Location], words: Words) -> Vec<Choice> {
    let plain = |value: &str, label: String| (value.to_owned(), label, String::new());
    let mut found: Vec<(String, String, String)> = match choices {
        Choices::Countries => COUNTRIES.iter().map(|(code, name)| plain(code, name.clone())).collect(),
        Choices::Currencies => {
            CURRENCIES.iter().map(|(code, name)| plain(code, format!("{code} – {name}"))).collect()
        }
        Choices::CustomerSizes => {
            let label = |it: CustomerSize| words.say(&format!("wizard-size-{}", it.as_str().to_lowercase()));
            SIZES.into_iter().map(|it| plain(it.as_str(), label(it))).collect()
        }
        Choices::Locations => {
            locations.iter().map(|it| plain(&it.mpn_id, format!("{} ({})", it.name, it.mpn_id))).collect()
        }
        Choices::Intents => {
            let label = |it: &str| words.say(&format!("wizard-intent-{}", it.to_lowercase()));
            MARKETPLACE_INTENTS.iter().map(|it| plain(it, label(it))).collect()
        }
        Choices::Assistance => HELP.into_iter().map(|it| plain(it.as_str(), help_label(it, words))).collect(),
        Choices::Help => {
            let seen = ["private", "partner-led"].into_iter().map(|it| {
                let label = words.say(&format!("wizard-help-{it}"));
                (it.to_owned(), label, words.say(&format!("wizard-help-{it}-hint")))
            });
            let wanted = HELP.into_iter().map(|it| {
                let hint = words.say("wizard-help-co-sell-hint");
                (it.as_str().to_owned(), words.about("wizard-help-co-sell", help_label(it, words)), hint)
            });
            seen.chain(wanted).collect()
        }
    };
    if !chosen.is_empty() && !found.iter().any(|(value, ..)| value == chosen) {
        found.push(plain(chosen, chosen.to_owned()));
    }
    let choice = |(value, label, hint)| Choice { is_chosen: value == chosen, value, label, hint };
    found.into_iter().map(choice).collect()
}

fn help_label(code: AssistanceRequestCode, words: Words) -> String {
    words.say(&format!("wizard-help-{}", code.as_str().to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::{Choices, list};
    use crate::web::words::{Language, Words};

    #[test]
    fn what_is_offered_is_what_the_api_takes() {
        let words = Words(Language::Dutch);
        let count = |choices| list(choices, "", &[], words).len();
        assert!(count(Choices::Countries) > 240);
        assert!((150..170).contains(&count(Choices::Currencies)), "{}", count(Choices::Currencies));
        assert_eq!((count(Choices::Help), count(Choices::Assistance)), (8, 6));
        let countries = list(Choices::Countries, "NL", &[], words);
        let chosen = countries.iter().find(|it| it.is_chosen).unwrap();
        assert_eq!((chosen.value.as_str(), chosen.label.as_str()), ("NL", "Netherlands"));
    }

    #[test]
    fn what_was_chosen_stays_in_sight() {
        let locations = list(Choices::Locations, "4391227", &[], Words(Language::English));
        assert!(locations.iter().any(|it| it.value == "4391227" && it.is_chosen));
    }
}

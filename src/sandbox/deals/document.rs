//! What a deal is about: the draft that somebody sends.

use super::{
    cast::{Player, Who},
    dice::Dice,
    places::{COUNTRIES, Country},
    words,
};
use crate::domain::{
    json::decimal::Decimal,
    referral::{
        AdditionalRequirements, Address, Attribute, Consent, ContactPreference, CustomerId, CustomerProfile,
        Details, Iot, Member, Requirements, SolutionTag, Tag, draft::Draft,
    },
    time::Timestamp,
    vocabulary::{
        CustomerSize, INDUSTRIES, MARKETPLACE_INTENTS, PARTNER_ROLES, PRODUCTS, ProfileType, Qualification,
        ReferralType, SALES_STAGES, SERVICES, SOLUTION_CATEGORIES, SolutionTagType, Vocabulary as _,
    },
};

/// Sizes of deals in US dollars, before chance makes them up to five times as large.
const DEAL_SIZES: [f64; 7] = [900.0, 4_000.0, 9_000.0, 9_000.0, 30_000.0, 80_000.0, 400_000.0];

/// What a draft is made for.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Who sends it.
    pub(super) sender: &'a Player,
    /// Counts the records, from 1.
    pub(super) number: u64,
    /// When it is sent.
    pub(super) at: Timestamp,
    /// Whether others are asked in.
    pub(super) is_shared: bool,
}

/// Makes a draft that meets every rule, for whomever it is addressed to.
pub(super) fn draft(dice: &mut Dice, who: Who, subject: Subject<'_>) -> Draft {
    let country = dice.weighed(&COUNTRIES, |it| it.weight);
    let city = dice.pick(country.cities);
    let customer = company_name(dice, country);
    let deal = *dice.pick(country.language.deals);
    let has_role = subject.is_shared && dice.percent(10);
    let text = |it: bool, text: &str| it.then(|| text.to_owned());
    Draft {
        name: Some(format!("{deal}, {customer}")),
        external_reference_id: dice.percent(80).then(|| format!("CRM-{:06}", subject.number)),
        qualification: Some(qualification(dice, who)),
        kind: Some(if subject.is_shared { ReferralType::Shared } else { ReferralType::Independent }),
        campaign_id: dice.percent(15).then(|| format!("CMP-{}", 2024 + dice.below(3))),
        sales_stage: Some((*dice.pick(SALES_STAGES)).to_owned()),
        customer_profile: Some(customer_profile(dice, country, city, customer, subject)),
        consent: Some(consent(dice, subject)),
        details: Some(details(dice, country, subject)),
        team: (0..few(dice)).map(|_| subject.sender.seller(dice.skewed(Player::sellers()))).collect(),
        partner_role: has_role.then(|| (*dice.pick(PARTNER_ROLES)).to_owned()),
        solution_area: text(has_role, "Data and AI"),
        solution_play: text(has_role, "Migrate and modernize the data estate"),
        ..Draft::default()
    }
}

/// Returns one, sometimes two, rarely three.
fn few(dice: &mut Dice) -> i64 {
    dice.weighed(&[(1, 65), (2, 25), (3, 10)], |(_, weight)| *weight).0
}

fn qualification(dice: &mut Dice, who: Who) -> Qualification {
    let direct = match who {
        Who::Contoso | Who::Fabrikam => 25,
        Who::Microsoft => 40,
    };
    let choices = [
        (Qualification::Direct, direct),
        (Qualification::MarketingQualified, 15),
        (Qualification::SalesQualified, 60),
    ];
    dice.weighed(&choices, |(_, weight)| *weight).0
}

fn company_name(dice: &mut Dice, country: &Country) -> String {
    let language = country.language;
    let (family, business, form) =
        (dice.pick(language.family), dice.pick(language.business), dice.pick(language.forms));
    match country.code {
        "JP" => format!("{form}{family}{business}"),
        _ => format!("{family} {business} {form}"),
    }
}

fn customer_profile(
    dice: &mut Dice,
    country: &Country,
    (city, state, postal_code): &(&str, &str, &str),
    name: String,
    subject: Subject<'_>,
) -> CustomerProfile {
    let language = country.language;
    let contacts = if subject.is_shared || dice.percent(85) { few(dice).min(2) } else { 0 };
    let mut ids = Vec::new();
    if dice.percent(40) {
        let id = format!("6-{:08X}", dice.below(1 << 32));
        ids.push(CustomerId { profile_type: ProfileType::External, id });
    }
    if dice.percent(15) {
        let id = format!("{:09}", dice.below(1_000_000_000));
        ids.push(CustomerId { profile_type: ProfileType::Duns, id });
    }
    CustomerProfile {
        name: Some(name),
        size: dice.percent(90).then(|| *dice.pick(CustomerSize::ALL)),
        is_matching_complete: false,
        address: Address {
            address_line1: Some(format!("{} {}", dice.pick(language.streets), dice.between(1, 180))),
            address_line2: dice.percent(20).then(|| format!("{}", dice.between(1, 12))),
            city: Some((*city).to_owned()),
            state: (!state.is_empty()).then(|| (*state).to_owned()),
            postal_code: Some(format!("{postal_code}{:02}", dice.below(100))),
            country: Some(country.code.to_owned()),
            region: None,
        },
        team: (0..contacts).map(|it| contact(dice, country, subject.number, it)).collect(),
        ids,
    }
}

fn contact(dice: &mut Dice, country: &Country, number: u64, place: i64) -> Member {
    let language = country.language;
    Member {
        first_name: Some((*dice.pick(language.given)).to_owned()),
        last_name: Some((*dice.pick(language.family)).to_owned()),
        phone_number: Some(format!(
            "{} {:03} {:06}",
            country.dialling,
            dice.below(1000),
            dice.below(1_000_000)
        )),
        email: Some(format!("contact{}@customer{}.example", place.saturating_add(1), number % 20_011)),
        title: dice.percent(50).then(|| (*dice.pick(&words::TITLES)).to_owned()),
        contact_preference: ContactPreference {
            locale: Some(country.culture.to_owned()),
            disable_notifications: Some(dice.percent(10)),
        },
    }
}

/// Whoever asks others in has the customer's consent to tell them; the rest is as customers answer.
fn consent(dice: &mut Dice, subject: Subject<'_>) -> Consent {
    let answer = |dice: &mut Dice, yes, no| {
        let choices = [(Some(true), yes), (Some(false), no), (None, 100 - yes - no)];
        dice.weighed(&choices, |(_, weight)| *weight).0
    };
    Consent {
        consent_to_to_share_info_with_others: if subject.is_shared {
            Some(true)
        } else {
            answer(dice, 80, 8)
        },
        consent_to_contact: answer(dice, 82, 10),
        consent_to_microsoft_to_contact_specific_partners: None,
        consent_to_share_referral_with_microsoft_sellers: dice.percent(if subject.is_shared {
            60
        } else {
            12
        }),
    }
}

fn details(dice: &mut Dice, country: &Country, subject: Subject<'_>) -> Details {
    Details {
        notes: Some(notes(dice, country)),
        deal_value: money(dice, country),
        currency: Some(country.currency.to_owned()),
        closing_date_time: Some(subject.at.midnight_after_days(dice.between(30, 400))),
        customer_requested_contact: dice.percent(20).then_some(true),
        customer_action: None,
        incentive_level: None,
        requirements: Requirements {
            industries: tags(dice, INDUSTRIES, 1, 2),
            products: tags(dice, PRODUCTS, 1, 3),
            services: tags(dice, SERVICES, 0, 2),
            solutions: (0..few(dice).min(2)).map(|it| solution(dice, country, subject.sender, it)).collect(),
            offers: Vec::new(),
            sales_plays: Vec::new(),
            additional_requirements: additional_requirements(dice),
        },
    }
}

/// Returns one to three sentences, none of them twice.
fn notes(dice: &mut Dice, country: &Country) -> String {
    let sentences = country.language.notes;
    let first = dice.below(sentences.len() as u64) as usize;
    let count = dice.between(1, 3) as usize;
    let taken: Vec<_> =
        sentences.iter().cycle().skip(first).take(count.min(sentences.len())).copied().collect();
    taken.join(" ")
}

/// Returns the value of a deal, in whole units or with decimals.
pub(super) fn money(dice: &mut Dice, country: &Country) -> Option<Decimal> {
    let value = dice.pick(&DEAL_SIZES) * (1.0 + 4.0 * dice.unit()) * country.per_dollar;
    let is_whole = country.per_dollar >= 100.0 || dice.percent(40);
    Decimal::parse(&if is_whole { format!("{value:.0}") } else { format!("{value:.2}") })
}

fn tags(dice: &mut Dice, known: &[&str], least: i64, most: i64) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for _ in 0..dice.between(least, most) {
        let id = *dice.pick(known);
        if tags.iter().all(|it| it.id != id) {
            tags.push(Tag { id: id.to_owned() });
        }
    }
    tags
}

/// The first solution is mostly one that the sender sells, the second a category.
fn solution(dice: &mut Dice, country: &Country, sender: &Player, place: i64) -> SolutionTag {
    let (id, name, kind) = match place {
        0 if dice.percent(75) => {
            let (id, name) = *dice.pick(sender.company.solutions);
            (id, Some(name.to_owned()), SolutionTagType::Name)
        }
        _ => (*dice.pick(SOLUTION_CATEGORIES), None, SolutionTagType::Category),
    };
    let is_priced = dice.percent(25);
    SolutionTag {
        id: id.to_owned(),
        name,
        kind,
        price: if is_priced { money(dice, country) } else { None },
        quantity: if is_priced { Decimal::parse(&dice.between(1, 250).to_string()) } else { None },
        currency: is_priced.then(|| country.currency.to_owned()),
        publisher_name: None,
        solution_type: None,
        closing_date_time: None,
    }
}

fn additional_requirements(dice: &mut Dice) -> AdditionalRequirements {
    let iot = match dice.percent(4) {
        true => Iot { device_category: Some((*dice.pick(&words::DEVICES)).to_owned()), ..Iot::default() },
        false => Iot::default(),
    };
    let mut attributes = Vec::new();
    if dice.percent(20) {
        let id = (*dice.pick(MARKETPLACE_INTENTS)).to_owned();
        attributes.push(Attribute { kind: "CustomerMarketplaceIntent".to_owned(), id });
    }
    AdditionalRequirements { iot, attributes }
}

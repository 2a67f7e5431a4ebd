//! Where customers are: forty countries, by how often they come up.

use super::words::{self, Language};

/// A country with some of its cities.
pub(super) struct Country {
    /// ISO 3166-1 alpha-2.
    pub(super) code: &'static str,
    /// How often it comes up, in about a thousand.
    pub(super) weight: u64,
    /// ISO 4217.
    pub(super) currency: &'static str,
    /// Units of the currency that buy what one US dollar does, roughly: it makes the sizes of deals plausible.
    pub(super) per_dollar: f64,
    /// Culture name of the people there.
    pub(super) culture: &'static str,
    /// Dialling code.
    pub(super) dialling: &'static str,
    /// What is spoken.
    pub(super) language: &'static Language,
    /// City, state or province (may be empty), and the beginning of its postal codes.
    pub(super) cities: &'static [(&'static str, &'static str, &'static str)],
}

type Money = (&'static str, f64);

const EUR: Money = ("EUR", 0.9);

const fn country(
    (code, culture, dialling): (&'static str, &'static str, &'static str),
    weight: u64,
    (currency, per_dollar): Money,
    language: &'static Language,
    cities: &'static [(&'static str, &'static str, &'static str)],
) -> Country {
    Country { code, weight, currency, per_dollar, culture, dialling, language, cities }
}

/// Every country.
pub(super) const COUNTRIES: [Country; 40] = [
    country(
        ("US", "en-US", "+1"),
        252,
        ("USD", 1.0),
        &words::ENGLISH,
        &[
            ("Seattle", "WA", "981"),
            ("Austin", "TX", "787"),
            ("Chicago", "IL", "606"),
            ("Boston", "MA", "021"),
            ("Denver", "CO", "802"),
            ("Atlanta", "GA", "303"),
            ("San José", "CA", "951"),
        ],
    ),
    country(
        ("GB", "en-GB", "+44"),
        95,
        ("GBP", 0.8),
        &words::ENGLISH,
        &[
            ("London", "", "EC1A "),
            ("Manchester", "", "M1 "),
            ("Edinburgh", "", "EH1 "),
            ("Bristol", "", "BS1 "),
        ],
    ),
    country(
        ("DE", "de-DE", "+49"),
        95,
        EUR,
        &words::GERMAN,
        &[
            ("München", "Bayern", "80"),
            ("Köln", "Nordrhein-Westfalen", "50"),
            ("Hamburg", "", "20"),
            ("Nürnberg", "Bayern", "90"),
            ("Düsseldorf", "Nordrhein-Westfalen", "40"),
            ("Leipzig", "Sachsen", "04"),
        ],
    ),
    country(
        ("FR", "fr-FR", "+33"),
        65,
        EUR,
        &words::FRENCH,
        &[("Paris", "", "75"), ("Lyon", "", "69"), ("Saint-Étienne", "", "42"), ("Besançon", "", "25")],
    ),
    country(
        ("CA", "en-CA", "+1"),
        45,
        ("CAD", 1.35),
        &words::ENGLISH,
        &[("Toronto", "ON", "M5H "), ("Vancouver", "BC", "V6B "), ("Montréal", "QC", "H3A ")],
    ),
    country(
        ("JP", "ja-JP", "+81"),
        40,
        ("JPY", 150.0),
        &words::JAPANESE,
        &[("千代田区", "東京都", "100-"), ("大阪市", "大阪府", "530-"), ("名古屋市", "愛知県", "450-")],
    ),
    country(
        ("NL", "nl-NL", "+31"),
        35,
        EUR,
        &words::DUTCH,
        &[("Amsterdam", "", "10"), ("Eindhoven", "", "56"), ("'s-Hertogenbosch", "", "52")],
    ),
    country(
        ("IT", "it-IT", "+39"),
        35,
        EUR,
        &words::ITALIAN,
        &[("Milano", "MI", "20"), ("Torino", "TO", "10"), ("Forlì", "FC", "47")],
    ),
    country(
        ("ES", "es-ES", "+34"),
        35,
        EUR,
        &words::SPANISH,
        &[("Madrid", "", "28"), ("Málaga", "", "29"), ("A Coruña", "", "15")],
    ),
    country(
        ("AU", "en-AU", "+61"),
        30,
        ("AUD", 1.5),
        &words::ENGLISH,
        &[("Sydney", "NSW", "20"), ("Melbourne", "VIC", "30"), ("Perth", "WA", "60")],
    ),
    country(
        ("BR", "pt-BR", "+55"),
        25,
        ("BRL", 5.0),
        &words::PORTUGUESE,
        &[("São Paulo", "SP", "010"), ("Florianópolis", "SC", "880"), ("Goiânia", "GO", "740")],
    ),
    country(
        ("PL", "pl-PL", "+48"),
        22,
        ("PLN", 4.0),
        &words::POLISH,
        &[("Kraków", "", "30-"), ("Łódź", "", "90-"), ("Wrocław", "", "50-")],
    ),
    country(
        ("SE", "sv-SE", "+46"),
        20,
        ("SEK", 10.5),
        &words::SWEDISH,
        &[("Göteborg", "", "411 "), ("Malmö", "", "211 "), ("Västerås", "", "722 ")],
    ),
    country(
        ("CH", "de-CH", "+41"),
        18,
        ("CHF", 0.9),
        &words::GERMAN,
        &[("Zürich", "ZH", "80"), ("Bern", "BE", "30"), ("Genève", "GE", "12")],
    ),
    country(("BE", "nl-BE", "+32"), 15, EUR, &words::DUTCH, &[("Antwerpen", "", "20"), ("Liège", "", "40")]),
    country(
        ("AT", "de-AT", "+43"),
        14,
        EUR,
        &words::GERMAN,
        &[("Wien", "", "10"), ("Sankt Pölten", "", "31")],
    ),
    country(
        ("MX", "es-MX", "+52"),
        14,
        ("MXN", 18.0),
        &words::SPANISH,
        &[("Ciudad de México", "CDMX", "060"), ("León", "Guanajuato", "370"), ("Mérida", "Yucatán", "970")],
    ),
    country(
        ("IN", "en-IN", "+91"),
        14,
        ("INR", 83.0),
        &words::ENGLISH,
        &[("Bengaluru", "Karnataka", "560"), ("Pune", "Maharashtra", "411")],
    ),
    country(
        ("DK", "da-DK", "+45"),
        12,
        ("DKK", 6.9),
        &words::SWEDISH,
        &[("København", "", "14"), ("Ærøskøbing", "", "59")],
    ),
    country(
        ("NO", "nb-NO", "+47"),
        12,
        ("NOK", 10.5),
        &words::SWEDISH,
        &[("Tromsø", "", "90"), ("Ålesund", "", "60")],
    ),
    country(
        ("LU", "fr-LU", "+352"),
        18,
        EUR,
        &words::FRENCH,
        &[("Luxembourg", "", "L-1"), ("Esch-sur-Alzette", "", "L-4")],
    ),
    country(
        ("CZ", "cs-CZ", "+420"),
        9,
        ("CZK", 23.0),
        &words::CZECH,
        &[("Plzeň", "", "301 "), ("Ústí nad Labem", "", "400 ")],
    ),
    country(
        ("FI", "sv-FI", "+358"),
        9,
        EUR,
        &words::SWEDISH,
        &[("Helsinki", "", "00"), ("Jyväskylä", "", "40")],
    ),
    country(
        ("IE", "en-IE", "+353"),
        9,
        EUR,
        &words::ENGLISH,
        &[("Dublin", "", "D02 "), ("Dún Laoghaire", "", "A96 ")],
    ),
    country(
        ("PT", "pt-PT", "+351"),
        9,
        EUR,
        &words::PORTUGUESE,
        &[("Lisboa", "", "1000-"), ("Évora", "", "7000-")],
    ),
    country(("SG", "en-SG", "+65"), 8, ("SGD", 1.35), &words::ENGLISH, &[("Singapore", "", "048")]),
    country(
        ("NZ", "en-NZ", "+64"),
        7,
        ("NZD", 1.65),
        &words::ENGLISH,
        &[("Auckland", "", "10"), ("Whangārei", "", "01")],
    ),
    country(
        ("TR", "tr-TR", "+90"),
        7,
        ("TRY", 32.0),
        &words::TURKISH,
        &[("İstanbul", "", "34"), ("Eskişehir", "", "26")],
    ),
    country(
        ("HU", "hu-HU", "+36"),
        6,
        ("HUF", 360.0),
        &words::HUNGARIAN,
        &[("Győr", "", "90"), ("Pécs", "", "76")],
    ),
    country(
        ("RO", "en-RO", "+40"),
        6,
        ("RON", 4.6),
        &words::ENGLISH,
        &[("București", "", "010"), ("Iași", "", "700")],
    ),
    country(
        ("ZA", "en-ZA", "+27"),
        6,
        ("ZAR", 18.5),
        &words::ENGLISH,
        &[("Cape Town", "Western Cape", "80")],
    ),
    country(("AR", "es-AR", "+54"), 5, ("ARS", 900.0), &words::SPANISH, &[("Córdoba", "Córdoba", "X50")]),
    country(("CL", "es-CL", "+56"), 5, ("CLP", 950.0), &words::SPANISH, &[("Valparaíso", "", "234")]),
    country(
        ("CO", "es-CO", "+57"),
        5,
        ("COP", 4000.0),
        &words::SPANISH,
        &[("Bogotá", "", "110"), ("Medellín", "", "050")],
    ),
    country(("AE", "en-AE", "+971"), 4, ("AED", 3.67), &words::ENGLISH, &[("Dubai", "", "")]),
    country(("GR", "en-GR", "+30"), 4, EUR, &words::ENGLISH, &[("Αθήνα", "", "104 ")]),
    country(
        ("SK", "cs-SK", "+421"),
        4,
        EUR,
        &words::CZECH,
        &[("Košice", "", "040 "), ("Žilina", "", "010 ")],
    ),
    country(("KE", "en-KE", "+254"), 2, ("KES", 130.0), &words::ENGLISH, &[("Nairobi", "", "001")]),
    country(("IS", "sv-IS", "+354"), 1, ("ISK", 138.0), &words::SWEDISH, &[("Reykjavík", "", "1")]),
    country(("MT", "en-MT", "+356"), 1, EUR, &words::ENGLISH, &[("Ħamrun", "", "HMR ")]),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::COUNTRIES;

    #[test]
    fn no_country_comes_twice() {
        let codes: HashSet<_> = COUNTRIES.iter().map(|it| it.code).collect();

        assert_eq!(codes.len(), COUNTRIES.len());
    }
}

//! What customers and their deals are called, in thirteen languages. Every name is made up of common ones.

/// The words of a language.
pub(super) struct Language {
    /// Given names.
    pub(super) given: &'static [&'static str],
    /// Family names; companies are named after them, too.
    pub(super) family: &'static [&'static str],
    /// Lines of business, as part of a company's name.
    pub(super) business: &'static [&'static str],
    /// Legal forms.
    pub(super) forms: &'static [&'static str],
    /// Streets.
    pub(super) streets: &'static [&'static str],
    /// What a deal is about, as its name.
    pub(super) deals: &'static [&'static str],
    /// Sentences of notes.
    pub(super) notes: &'static [&'static str],
    /// Reasons why a deal is declined or lost.
    pub(super) reasons: &'static [&'static str],
}

pub(super) static ENGLISH: Language = Language {
    given: &[
        "Sue", "Joe", "Aisha", "Chloë", "Daniel", "Grace", "Siobhán", "Marcus", "Priya", "Oliver", "Renée",
        "Tom",
    ],
    family: &[
        "Smith",
        "Hansen",
        "O'Brien",
        "Okafor",
        "Taylor",
        "Nguyen",
        "Patel",
        "Brontë",
        "Walker",
        "Lindqvist",
        "Reyes",
        "Campbell",
        "Ferguson",
        "Moore",
    ],
    business: &[
        "Logistics",
        "Health",
        "Foods",
        "Retail Group",
        "Engineering",
        "Insurance",
        "Energy",
        "Textiles",
    ],
    forms: &["Inc.", "Ltd", "LLC", "plc", "& Sons"],
    streets: &["Market Street", "One Harbour Way", "King's Road", "Industrial Avenue", "Lake View Drive"],
    deals: &[
        "Data estate migration",
        "Field service rollout",
        "Security assessment",
        "ERP renewal",
        "Contact centre pilot",
        "Analytics workshop",
    ],
    notes: &[
        "The customer wants to run its supply chain on one platform and needs a set of custom apps for its own processes.",
        "The contract with the present supplier ends next quarter, so the decision is expected within weeks.",
        "Budget is approved; procurement asks for two references of a similar size.",
        "A proof of concept with forty users went well, and the board has seen the results.",
        "They asked for help with licensing and with the plan for moving the databases.",
    ],
    reasons: &[
        "The customer chose another supplier.",
        "No budget this year.",
        "We cannot deliver in this region.",
        "The contact does not answer.",
    ],
};

pub(super) static GERMAN: Language = Language {
    given: &[
        "Jürgen", "Käthe", "Anna", "Björn", "Sören", "Ursula", "Lukas", "Marlene", "Günther", "Hannah",
        "Tobias", "Inés",
    ],
    family: &[
        "Müller",
        "Schäfer",
        "Weiß",
        "Grönemeyer",
        "Vogel",
        "Krüger",
        "Böhm",
        "Großmann",
        "Fuchs",
        "Jäger",
        "Lehmann",
        "Hübner",
        "Zöllner",
        "Bauer",
    ],
    business: &[
        "Maschinenbau",
        "Spedition",
        "Werkzeuge",
        "Brauerei",
        "Gebäudetechnik",
        "Versicherungen",
        "Möbelhäuser",
        "Prüfdienste",
    ],
    forms: &["GmbH", "AG", "GmbH & Co. KG", "KG", "eG"],
    streets: &["Hauptstraße", "Königsallee", "Am Güterbahnhof", "Industriestraße", "Mühlweg"],
    deals: &[
        "Einführung der Einsatzplanung",
        "Umzug der Datenbanken",
        "Prüfung der Sicherheit",
        "Ablösung des ERP",
        "Auswertungen für den Vertrieb",
        "Schulung der Außenstellen",
    ],
    notes: &[
        "Der Kunde möchte seine Lieferkette auf einer Plattform führen und braucht dafür einige eigene Anwendungen.",
        "Der Vertrag mit dem bisherigen Anbieter läuft im nächsten Quartal aus, die Entscheidung fällt also bald.",
        "Das Budget ist freigegeben; der Einkauf möchte zwei Referenzen ähnlicher Größe sehen.",
        "Der Versuch mit vierzig Anwendern verlief gut, die Geschäftsführung kennt die Ergebnisse.",
        "Gewünscht ist Unterstützung bei der Lizenzierung und beim Umzug der Datenbanken.",
    ],
    reasons: &[
        "Der Kunde hat sich anders entschieden.",
        "Für dieses Jahr fehlt das Budget.",
        "In dieser Region können wir nicht liefern.",
    ],
};

pub(super) static FRENCH: Language = Language {
    given: &[
        "François",
        "Hélène",
        "Zoë",
        "Gaël",
        "Aurélie",
        "Benoît",
        "Chloé",
        "Noémie",
        "Jérôme",
        "Camille",
    ],
    family: &[
        "Lefèvre",
        "Garçon",
        "Dupré",
        "Béranger",
        "Moreau",
        "Châtelain",
        "Noël",
        "Fournier",
        "Léger",
        "Guérin",
        "Marchand",
        "Rivière",
    ],
    business: &["Logistique", "Santé", "Bâtiments", "Textiles", "Énergies", "Boulangeries", "Assurances"],
    forms: &["SA", "SARL", "SAS", "et Fils"],
    streets: &["rue de la République", "avenue des Frères-Lumière", "quai Saint-Michel", "rue de l'Église"],
    deals: &[
        "Migration des données",
        "Déploiement sur le terrain",
        "Audit de sécurité",
        "Renouvellement de l'ERP",
        "Atelier d'analyse",
    ],
    notes: &[
        "Le client souhaite gérer sa chaîne d'approvisionnement sur une seule plateforme, avec quelques applications à lui.",
        "Le contrat actuel s'achève au trimestre prochain ; la décision est attendue d'ici là.",
        "Le budget est approuvé, et les achats demandent deux références de taille comparable.",
        "L'essai mené avec quarante utilisateurs a été concluant, et la direction en connaît les résultats.",
    ],
    reasons: &[
        "Le client a choisi un autre prestataire.",
        "Pas de budget cette année.",
        "Nous ne livrons pas dans cette région.",
    ],
};

pub(super) static SPANISH: Language = Language {
    given: &["José", "María", "Íñigo", "Lucía", "Andrés", "Begoña", "Martín", "Inés", "Raúl", "Sofía"],
    family: &[
        "García",
        "Muñoz",
        "Ibáñez",
        "Núñez",
        "Peña",
        "Vázquez",
        "Álvarez",
        "Ordóñez",
        "Castro",
        "Güell",
        "Jiménez",
    ],
    business: &["Logística", "Salud", "Aceites", "Construcción", "Energía", "Seguros", "Diseño"],
    forms: &["S.A.", "S.L.", "S.A. de C.V.", "e Hijos"],
    streets: &["Calle Mayor", "Avenida de América", "Paseo de la Estación", "Camino Viejo"],
    deals: &[
        "Migración de datos",
        "Despliegue en campo",
        "Revisión de seguridad",
        "Renovación del ERP",
        "Taller de análisis",
    ],
    notes: &[
        "El cliente quiere gestionar su cadena de suministro en una sola plataforma y necesita algunas aplicaciones propias.",
        "El contrato actual termina el próximo trimestre, así que la decisión llegará pronto.",
        "El presupuesto está aprobado; compras pide dos referencias de tamaño parecido.",
        "La prueba con cuarenta usuarios salió bien y la dirección conoce los resultados.",
    ],
    reasons: &[
        "El cliente eligió a otro proveedor.",
        "Este año no hay presupuesto.",
        "No damos servicio en esa región.",
    ],
};

pub(super) static PORTUGUESE: Language = Language {
    given: &["João", "Inês", "António", "Luísa", "Tiago", "Conceição", "Gonçalo", "Beatriz"],
    family: &["Guimarães", "Simões", "Araújo", "Conceição", "Magalhães", "Pereira", "Assunção", "Falcão"],
    business: &["Logística", "Saúde", "Alimentação", "Construções", "Energia", "Confecções"],
    forms: &["Lda.", "S.A.", "Ltda."],
    streets: &["Avenida da Liberdade", "Rua da Estação", "Praça São João"],
    deals: &["Migração de dados", "Implantação em campo", "Avaliação de segurança", "Renovação do ERP"],
    notes: &[
        "O cliente quer gerir a cadeia de abastecimento numa só plataforma e precisa de algumas aplicações próprias.",
        "O contrato atual termina no próximo trimestre, pelo que a decisão não deve tardar.",
        "O orçamento está aprovado; as compras pedem duas referências de dimensão semelhante.",
    ],
    reasons: &["O cliente escolheu outro fornecedor.", "Não há orçamento este ano."],
};

pub(super) static ITALIAN: Language = Language {
    given: &["Niccolò", "Giulia", "Matteo", "Chiara", "Nicolò", "Sofia", "Andrea", "Beatrice"],
    family: &["Rossi", "Nardò", "Bianchi", "Cantù", "Ferrari", "Colombo", "Forlì", "Gallo"],
    business: &["Logistica", "Sanità", "Ceramiche", "Edilizia", "Qualità", "Tessuti"],
    forms: &["S.p.A.", "S.r.l.", "e Figli"],
    streets: &["Via Roma", "Corso della Libertà", "Piazza del Mercato"],
    deals: &["Migrazione dei dati", "Avvio sul campo", "Verifica della sicurezza", "Rinnovo dell'ERP"],
    notes: &[
        "Il cliente vuole gestire la catena di fornitura su un'unica piattaforma e ha bisogno di alcune applicazioni proprie.",
        "Il contratto attuale scade nel prossimo trimestre, perciò la decisione è vicina.",
        "La prova con quaranta utenti è andata bene; la direzione è già al corrente.",
    ],
    reasons: &["Il cliente ha scelto un altro fornitore.", "Per quest'anno non c'è disponibilità."],
};

pub(super) static DUTCH: Language = Language {
    given: &["Daniël", "Maaike", "Zoë", "Joost", "Anneliese", "Noëlle", "Pieter", "Hanneke"],
    family: &["de Vries", "Visser", "van den Berg", "Prüst", "Meijer", "Coenraad", "Hoeksema", "Bruyère"],
    business: &["Logistiek", "Zorg", "Bloemen", "Bouw", "Energie", "Zuivel"],
    forms: &["B.V.", "N.V.", "en Zonen"],
    streets: &["Stationsplein", "Keizersgracht", "Industrieweg"],
    deals: &[
        "Verhuizing van gegevens",
        "Uitrol van de buitendienst",
        "Beveiligingsonderzoek",
        "Vernieuwing van het ERP",
    ],
    notes: &[
        "De klant wil de hele toeleveringsketen op één platform beheren en heeft daarvoor enkele eigen toepassingen nodig.",
        "Het huidige contract loopt volgend kwartaal af; er wordt dus spoedig beslist.",
        "De proef met veertig gebruikers verliep goed en de directie kent de uitkomst.",
    ],
    reasons: &["De klant koos een andere leverancier.", "Er is dit jaar geen budget."],
};

pub(super) static POLISH: Language = Language {
    given: &["Łukasz", "Małgorzata", "Paweł", "Żaneta", "Grażyna", "Michał", "Świętosław", "Anna"],
    family: &["Wiśniewski", "Żak", "Dąbrowski", "Łęcki", "Zieliński", "Gołąb", "Wójcik", "Sikora"],
    business: &["Logistyka", "Zdrowie", "Żywność", "Budownictwo", "Usługi", "Meble"],
    forms: &["Sp. z o.o.", "S.A."],
    streets: &["ul. Główna", "al. Niepodległości", "ul. Młyńska"],
    deals: &["Przeniesienie danych", "Wdrożenie w terenie", "Przegląd zabezpieczeń", "Wymiana ERP"],
    notes: &[
        "Klient chce prowadzić łańcuch dostaw na jednej platformie i potrzebuje do tego kilku własnych aplikacji.",
        "Obecna umowa kończy się w następnym kwartale, więc decyzja zapadnie wkrótce.",
        "Próba z czterdziestoma użytkownikami poszła dobrze, zarząd zna wyniki.",
    ],
    reasons: &["Klient wybrał innego dostawcę.", "W tym roku brakuje środków."],
};

pub(super) static CZECH: Language = Language {
    given: &["Jiří", "Květa", "Ondřej", "Zdeněk", "Růžena", "Tomáš", "Šárka", "Lenka"],
    family: &["Dvořák", "Němec", "Růžička", "Šťastný", "Žižka", "Bartoš", "Kučera", "Hříbek"],
    business: &["Doprava", "Zdraví", "Pivovary", "Stavby", "Služby"],
    forms: &["s.r.o.", "a.s."],
    streets: &["Hlavní", "Nádražní", "Na Příkopě"],
    deals: &["Přesun dat", "Zavedení v terénu", "Prověrka zabezpečení", "Obnova ERP"],
    notes: &[
        "Zákazník chce řídit celý dodavatelský řetězec na jedné platformě a potřebuje k tomu několik vlastních aplikací.",
        "Stávající smlouva končí příští čtvrtletí, rozhodnutí tedy padne brzy.",
    ],
    reasons: &["Zákazník si vybral jiného dodavatele.", "Letos chybí rozpočet."],
};

pub(super) static SWEDISH: Language = Language {
    given: &["Åsa", "Göran", "Märta", "Øyvind", "Sigrún", "Jørgen", "Päivi", "Lars", "Søren", "Ingrid"],
    family: &[
        "Åkesson",
        "Öberg",
        "Lindström",
        "Sjögren",
        "Bjørnsen",
        "Sørensen",
        "Hämäläinen",
        "Guðmundsson",
        "Berg",
    ],
    business: &["Logistik", "Hälsa", "Skogsbruk", "Byggnad", "Försäkring", "Sjömat"],
    forms: &["AB", "A/S", "AS", "Oy", "hf."],
    streets: &["Storgatan", "Järnvägsgatan", "Strandvägen"],
    deals: &["Flytt av data", "Införande i fält", "Översyn av säkerheten", "Förnyelse av ERP"],
    notes: &[
        "Kunden vill sköta hela leveranskedjan på en plattform och behöver några egna program för det.",
        "Det nuvarande avtalet löper ut nästa kvartal, så beslutet väntas snart.",
        "Försöket med fyrtio användare gick bra och ledningen känner till resultatet.",
    ],
    reasons: &["Kunden valde en annan leverantör.", "Budget saknas i år."],
};

pub(super) static JAPANESE: Language = Language {
    given: &["健太", "美咲", "翔", "さくら", "大輔", "陽子", "拓也", "葵"],
    family: &["佐藤", "鈴木", "高橋", "渡辺", "山本", "小林", "加藤", "斎藤"],
    business: &["物流", "製作所", "食品", "電機", "建設"],
    forms: &["株式会社", "合同会社"],
    streets: &["丸の内一丁目", "梅田二丁目", "栄三丁目"],
    deals: &["データ基盤の移行", "現場業務の刷新", "セキュリティ診断", "基幹システムの更新"],
    notes: &[
        "お客様はサプライチェーンを一つの基盤で管理することを希望しており、独自アプリの開発も必要です。",
        "現在の契約は来四半期に終了するため、近いうちに決定される見込みです。",
        "四十名での試用は好評で、経営層にも結果が共有されています。",
    ],
    reasons: &["他社に決定しました。", "今年度の予算がありません。"],
};

pub(super) static TURKISH: Language = Language {
    given: &["Ayşe", "Çağrı", "Gülşen", "İbrahim", "Ömer", "Şule"],
    family: &["Yılmaz", "Öztürk", "Çelik", "Şahin", "Koç", "Aydın"],
    business: &["Lojistik", "Sağlık", "Gıda", "İnşaat", "Enerji"],
    forms: &["A.Ş.", "Ltd. Şti."],
    streets: &["Atatürk Caddesi", "İstasyon Sokağı", "Çarşı Meydanı"],
    deals: &["Veri taşıma", "Saha hizmeti kurulumu", "Güvenlik değerlendirmesi"],
    notes: &[
        "Müşteri tedarik zincirini tek bir platformda yönetmek istiyor ve bunun için birkaç özel uygulamaya ihtiyaç duyuyor.",
        "Mevcut sözleşme gelecek çeyrekte bitiyor, karar yakında verilecek.",
    ],
    reasons: &["Müşteri başka bir tedarikçiyi seçti.", "Bu yıl bütçe yok."],
};

pub(super) static HUNGARIAN: Language = Language {
    given: &["György", "Zsófia", "István", "Erzsébet", "Ádám", "Tünde"],
    family: &["Kovács", "Szőke", "Tóth", "Vörös", "Őri", "Németh"],
    business: &["Szállítás", "Egészség", "Építő", "Élelmiszer"],
    forms: &["Kft.", "Zrt."],
    streets: &["Fő utca", "Petőfi út", "Vásártér"],
    deals: &["Adatok költöztetése", "Terepi bevezetés", "Biztonsági felmérés"],
    notes: &[
        "Az ügyfél egy felületen szeretné kezelni az ellátási láncát, és ehhez néhány saját alkalmazásra van szüksége.",
        "A jelenlegi szerződés a következő negyedévben lejár, ezért hamarosan döntenek.",
    ],
    reasons: &["Az ügyfél más szállítót választott.", "Idén nincs rá keret."],
};

/// Given names of the people who sell, with their spelling in addresses.
pub(super) const SELLERS_GIVEN: [(&str, &str); 20] = [
    ("John", "john"),
    ("Zoë", "zoe"),
    ("Łukasz", "lukasz"),
    ("Amélie", "amelie"),
    ("Nia", "nia"),
    ("Björn", "bjoern"),
    ("Sofía", "sofia"),
    ("Kenji", "kenji"),
    ("Marta", "marta"),
    ("Émile", "emile"),
    ("Ravi", "ravi"),
    ("Hannah", "hannah"),
    ("Thabo", "thabo"),
    ("Ingrid", "ingrid"),
    ("Luís", "luis"),
    ("Mei", "mei"),
    ("Petra", "petra"),
    ("Omar", "omar"),
    ("Freya", "freya"),
    ("Dušan", "dusan"),
];

/// Their family names, with their spelling in addresses.
pub(super) const SELLERS_FAMILY: [(&str, &str); 15] = [
    ("Doe", "doe"),
    ("Sjöberg", "sjoeberg"),
    ("Kowalski", "kowalski"),
    ("Peña", "pena"),
    ("Adeyemi", "adeyemi"),
    ("Fischer", "fischer"),
    ("Tanaka", "tanaka"),
    ("Dubois", "dubois"),
    ("Novák", "novak"),
    ("Rao", "rao"),
    ("O'Neill", "oneill"),
    ("Nkosi", "nkosi"),
    ("Haugen", "haugen"),
    ("Costa", "costa"),
    ("Yıldız", "yildiz"),
];

/// Job titles.
pub(super) const TITLES: [&str; 6] = [
    "Account Manager",
    "CIO",
    "Head of Procurement",
    "Solution Architect",
    "Vertriebsleiterin",
    "Directeur informatique",
];

/// Kinds of device, of deals about devices.
pub(super) const DEVICES: [&str; 5] = ["Kiosk", "Gateway", "Camera", "Handheld", "Sensor"];

//! The rows that both databases have, what a viewer reads of them, and how the answers to a predicate differ.

use odata::{
    eval::{self, Raw, Source},
    generators::Samples,
    schema::{Kind, Property, StructuredType, Type},
    tree::{Direction, Expr, Node as ExprNode, OrderKey, Value as Literal},
};
use uuid::Uuid;

use super::super::Translator;
use crate::{
    domain::{
        json::Node,
        organization::OrganizationId,
        query::properties,
        referral::Referral,
        sources::Clock,
        time::Timestamp,
        view::{self, Context, Links, StoredReferral, VisibleReferral},
        visibility::{self, Facet, RELATIONS, Relation, Sight},
        vocabulary::Vocabulary,
    },
    storage::{Commit, Mode, Store, StoreOptions, Target, value::Value},
};

const ROWS: usize = 80;
const VIEWER: Uuid = Uuid::from_u128(0xa);
const USER: Uuid = Uuid::from_u128(0xb);
pub(super) const NOW: i64 = 17_000_000_000_000_000;

/// A row of the viewer, and the JSON that it reads.
pub(super) struct Seen {
    id: Uuid,
    pub(super) json: Node,
}

/// Both databases with the same rows.
pub(super) struct Tables {
    stores: [Store; 2],
    pub(super) seen: Vec<Seen>,
    _folder: tempfile::TempDir,
    _database: Database,
}

/// A PostgreSQL database that lives as long as its test.
struct Database {
    server: String,
    name: String,
}

/// What is seen as a source of values.
struct Json<'a>(&'a Node);

impl Json<'_> {
    fn at(&self, path: &[&'static Property]) -> Option<&Node> {
        path.iter().try_fold(self.0, |node, property| node.member(property.name))
    }
}

impl<'a> Source for Json<'a> {
    fn value(&self, path: &[&'static Property]) -> Raw<'_> {
        match self.at(path) {
            Some(Node::Bool(value)) => Raw::Boolean(*value),
            Some(Node::Text(text)) => Raw::Text(text.into()),
            Some(Node::Number(digits)) => Raw::Number(digits.into()),
            None | Some(Node::Null | Node::Array(_) | Node::Object(_)) => Raw::Null,
        }
    }

    fn items(&self, path: &[&'static Property]) -> Vec<Self> {
        let found = path.iter().try_fold(self.0, |node, property| node.member(property.name));
        match found {
            Some(Node::Array(items)) => items.iter().map(Json).collect(),
            _ => Vec::new(),
        }
    }
}

/// Numbers that look random and are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.roll(items.len())]
    }
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "Contoso",
    "contoso",
    "Stra\u{df}e",
    "STRASSE",
    "\u{391}\u{3a3}",
    "\u{3b1}\u{3c2}",
    "  x ",
    "\u{a0}nb\u{2003}",
    "\u{1f91d} x",
    "e\u{301}",
    "\u{e9}",
    "quote's",
    "back\\slash \"q\"",
    "%_",
    "true",
    "12.50",
    "-7",
    "2024-05-01",
    "2024-02-30",
    "2024-05-01T10:20:30.5+02:00",
    "37EF26AA-1d15-4533-9f93-a69bd33ab1e5",
    "null",
];
const EMAILS: &[&str] = &["ann@contoso.example", "Ann@Contoso.example", "bob@fabrikam.example", ""];
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1.50",
    "1.5",
    "2",
    "2.5",
    "-2.5",
    "50000",
    "5e4",
    "-3.25",
    "0.1",
    "1e-7",
    "9999999999999999999999999999",
    "1e-28",
    "123456789.123456789",
];
const MOMENTS: &[&str] = &[
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.9999999Z",
    "1970-01-01T00:00:00Z",
    "2018-10-30T21:03:42.4579542Z",
    "2024-02-29T12:34:56.789Z",
    "2024-05-01T08:20:30.5Z",
    "9999-12-31T23:59:59.9999999Z",
];

fn document(ty: &'static StructuredType, dice: &mut Dice) -> Node {
    let members = ty.properties.iter().filter(|it| it.is_filterable);
    Node::Object(members.map(|it| (it.name.to_owned(), member(it, dice))).collect())
}

fn member(property: &'static Property, dice: &mut Dice) -> Node {
    match property.kind {
        Kind::Scalar(_) if property.is_nullable && dice.roll(3) == 0 => Node::Null,
        Kind::Scalar(ty) => scalar(property.name, ty, dice),
        Kind::Scalars(ty) => {
            Node::Array((0..dice.roll(3)).map(|_| scalar(property.name, ty, dice)).collect())
        }
        Kind::Complex(below) => document(below, dice),
        Kind::Complexes(below) => Node::Array((0..dice.roll(3)).map(|_| document(below, dice)).collect()),
    }
}

fn scalar(name: &str, ty: Type, dice: &mut Dice) -> Node {
    let text = |it: &str| Node::Text(it.to_owned());
    match ty {
        Type::Boolean => Node::Bool(dice.roll(2) == 0),
        Type::Decimal => Node::Number(dice.pick(NUMBERS).to_owned()),
        Type::Guid => Node::Text(Uuid::from_u128(u128::try_from(dice.roll(1 << 30)).unwrap()).to_string()),
        Type::DateTime => text(dice.pick(MOMENTS)),
        Type::Enum(it) => text(dice.pick(it.members)),
        Type::String if name == "size" => text("1to9employees"),
        Type::String if name == "organizationId" => text(&VIEWER.to_string()),
        Type::String if name == "email" => text(dice.pick(EMAILS)),
        Type::String => text(dice.pick(TEXTS)),
        Type::Integer | Type::Date | Type::Time | Type::Duration => unreachable!("no member has this type"),
    }
}

/// Makes a referral of which the viewer is what `relation` says.
fn visible(number: usize, dice: &mut Dice) -> VisibleReferral {
    let relation = RELATIONS[number % RELATIONS.len()];
    let (viewer, other) = (OrganizationId::from(VIEWER), OrganizationId::from(Uuid::from_u128(0xc)));
    let (owner, inviter) = match relation {
        Relation::Owner if dice.roll(2) == 0 => (&viewer, &viewer),
        Relation::Owner => (&viewer, &other),
        Relation::Inviter => (&other, &viewer),
        Relation::Invitee | Relation::Microsoft | Relation::Party => (&other, &other),
    };
    let json = document(&properties::REFERRAL, dice).to_json();
    let referral: Referral = serde_json::from_str(&json).unwrap();
    let id = Uuid::from_u128(1000 + u128::try_from(number).unwrap());
    let referral = Referral {
        id,
        engagement_id: Uuid::from_u128(u128::try_from(number).unwrap()),
        organization_id: owner.clone(),
        favorite: false,
        direction: None,
        ..referral
    };
    VisibleReferral {
        stored: StoredReferral {
            id,
            engagement_id: referral.engagement_id,
            organization_id: owner.clone(),
            inviter: inviter.clone(),
            version: 1,
            updated: referral.updated_date_time,
            document: referral.to_document(),
        },
        relation,
        has_accepted: dice.roll(2) == 0,
        is_favorite: dice.roll(3) == 0,
    }
}

fn insert(commit: &mut Commit, visible: &VisibleReferral) {
    let stored = &visible.stored;
    let referral = Referral::from_document(&stored.document).unwrap();
    let country = referral.customer_profile.address.country.clone();
    let is_country_seen = visibility::sight(Facet::Deal, visible.relation) != Sight::Withheld;
    let place = RELATIONS.iter().position(|it| *it == visible.relation).unwrap();
    commit.step_any_rows(
        "INSERT INTO referrals (id, engagement_id, organization_id, inviter, inviter_mpn_id, creator_id, created,
            mpn_id, status, substatus, type, qualification, country, is_shared_with_microsoft, updated, expiration,
            version, document)
         VALUES ($1, $2, $3, $4, NULL, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14, 1, $15)",
        vec![
            stored.id.into(),
            stored.engagement_id.into(),
            (&stored.organization_id).into(),
            (&stored.inviter).into(),
            USER.into(),
            referral.created_date_time.into(),
            referral.mpn_id.clone().into(),
            referral.status.as_str().into(),
            referral.substatus.as_str().into(),
            referral.kind.as_str().into(),
            referral.qualification.as_str().into(),
            country.clone().into(),
            referral.updated_date_time.into(),
            referral.expiration_date_time.into(),
            stored.document.as_str().into(),
        ],
    );
    commit.step_any_rows(
        "INSERT INTO referral_viewers (organization_id, created, referral_id, relation, has_accepted, direction,
            status, substatus, type, qualification, country, updated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        vec![
            VIEWER.to_string().into(),
            referral.created_date_time.into(),
            stored.id.into(),
            i64::try_from(place).unwrap().into(),
            visible.has_accepted.into(),
            view::direction(stored, &OrganizationId::from(VIEWER)).as_str().into(),
            referral.status.as_str().into(),
            referral.substatus.as_str().into(),
            referral.kind.as_str().into(),
            referral.qualification.as_str().into(),
            country.filter(|_| is_country_seen).into(),
            referral.updated_date_time.into(),
        ],
    );
    let emails = referral.team.iter().filter_map(|it| it.email.as_deref()).filter(|it| !it.is_empty());
    let emails: std::collections::BTreeSet<String> = emails.map(str::to_lowercase).collect();
    for email in emails {
        commit.step_any_rows(
            "INSERT INTO referral_team (referral_id, email) VALUES ($1, $2)",
            vec![stored.id.into(), email.into()],
        );
    }
    commit.mark_favorite(USER, stored.id, visible.is_favorite);
}

impl Database {
    async fn create(name: &str) -> Self {
        let server = std::env::var("LIAISON_TEST_POSTGRES_URL").expect(
            "LIAISON_TEST_POSTGRES_URL names no PostgreSQL server; run `cargo xtask test`, which starts one",
        );
        let name = format!("liaison_unit_{name}_{}", std::process::id());
        run(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&server, &format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    fn target(&self) -> Target {
        let mut url = url::Url::parse(&self.server).unwrap();
        url.set_path(&self.name);
        Target::Postgres(url.into())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&server, &sql));
        });
        // A database that stays behind is no reason to fail a test.
        let _ = dropping.join();
    }
}

async fn run(server: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}

impl Tables {
    pub(super) async fn filled(name: &str, seed: u64) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(name).await;
        let targets = [Target::Sqlite(folder.path().join("liaison.sqlite")), database.target()];
        let clock = Clock::fixed(Timestamp::from_ticks(NOW));
        let mut stores = Vec::new();
        for target in targets {
            let options = StoreOptions { target, mode: Mode::ReadWrite };
            stores.push(Store::open(&options, clock.clone()).await.unwrap());
        }
        let mut dice = Dice(seed);
        let rows: Vec<VisibleReferral> = (0..ROWS).map(|it| visible(it, &mut dice)).collect();
        for store in &stores {
            store.migrate().await.unwrap();
            let mut commit = Commit::new();
            for row in &rows {
                insert(&mut commit, row);
            }
            store.commit(commit).await.unwrap();
        }
        let seen = rows.iter().map(seen).collect();
        let stores = stores.try_into().unwrap_or_else(|_| unreachable!("there are two"));
        Self { stores, seen, _folder: folder, _database: database }
    }

    /// Says where the three differ about a predicate and its opposite.
    pub(super) async fn differences(&self, predicate: &Expr) -> Vec<String> {
        let opposite = Expr { node: ExprNode::Not(Box::new(predicate.clone())), ty: Some(Type::Boolean) };
        let mut found = Vec::new();
        for predicate in [predicate, &opposite] {
            let expected: Vec<Uuid> = self
                .seen
                .iter()
                .filter(|it| eval::matches(predicate, &Json(&it.json)))
                .map(|it| it.id)
                .collect();
            for store in &self.stores {
                match self.found(store, predicate).await {
                    Ok(ids) if ids == expected => {}
                    Ok(ids) => {
                        let wrong: Vec<_> = ids
                            .iter()
                            .filter(|it| !expected.contains(it))
                            .chain(expected.iter().filter(|it| !ids.contains(it)))
                            .map(Uuid::as_u128)
                            .take(3)
                            .collect();
                        found.push(format!(
                            "{:?}: {} instead of {} rows, {wrong:?} differ: {}",
                            store.dialect(),
                            ids.len(),
                            expected.len(),
                            sql(store, predicate).0
                        ));
                    }
                    Err(error) => {
                        found.push(format!("{:?}: {error:?}: {}", store.dialect(), sql(store, predicate).0))
                    }
                }
            }
        }
        found
    }

    /// Says where the order of the rows by a key differs.
    pub(super) async fn differences_in_order(&self, expr: &Expr) -> Vec<String> {
        let order = [OrderKey { expr: expr.clone(), direction: Direction::Ascending }];
        let mut expected: Vec<_> =
            self.seen.iter().map(|it| (eval::keys_of(&order, &Json(&it.json)), it.id)).collect();
        expected.sort_by(|(one, one_id), (other, other_id)| {
            eval::compare_keys(&order, one, other).then(one_id.cmp(other_id))
        });
        let expected: Vec<Uuid> = expected.into_iter().map(|(_, id)| id).collect();
        let mut found = Vec::new();
        for store in &self.stores {
            match self.ordered(store, expr).await {
                Ok(ids) if ids == expected => {}
                Ok(ids) => {
                    let place = ids.iter().zip(&expected).position(|(one, other)| one != other);
                    found.push(format!("{:?}: differs at row {place:?}", store.dialect()));
                }
                Err(error) => found.push(format!("{:?}: {error:?}", store.dialect())),
            }
        }
        found
    }

    /// Lists the rows in the order of a key, and asks with each value of the key for the rows that have it.
    async fn ordered(&self, store: &Store, expr: &Expr) -> Result<Vec<Uuid>, crate::storage::StoreError> {
        let mut translator = Translator::new(store.dialect(), 1, USER);
        let key = translator.key(expr);
        let (joins, selected) = (joins(&translator), key.selected());
        let params = [vec![VIEWER.to_string().into()], translator.into_params()].concat();
        let sql = format!(
            "SELECT v.referral_id, {selected} FROM referral_viewers v{joins} WHERE v.organization_id = $1
             ORDER BY {} ASC NULLS FIRST, v.referral_id",
            key.sql
        );
        let rows = store.query(&sql, &params).await?;
        for row in rows.iter().step_by(20) {
            let Some(value) = row.0.get(1).filter(|it| **it != Value::Null) else {
                assert!(key.is_nullable, "{}", key.sql);
                continue;
            };
            let number = params.len() + 1;
            let sql = format!(
                "SELECT v.referral_id FROM referral_viewers v{joins} WHERE v.organization_id = $1 AND {} = {}",
                key.sql,
                key.parameter(number)
            );
            let value = match (value, expr.ty) {
                (Value::Bytes(bytes), Some(Type::Guid)) => Uuid::from_slice(bytes).unwrap().into(),
                (other, _) => other.clone(),
            };
            let found = store.query(&sql, &[params.clone(), vec![value]].concat()).await?;
            let id = row.uuid(0)?;
            assert!(found.iter().any(|it| it.uuid(0).unwrap() == id), "{sql}");
        }
        rows.iter().map(|row| row.uuid(0)).collect()
    }

    async fn found(&self, store: &Store, predicate: &Expr) -> Result<Vec<Uuid>, crate::storage::StoreError> {
        let (sql, params) = sql(store, predicate);
        store.query(&sql, &params).await?.iter().map(|row| row.uuid(0)).collect()
    }
}

fn sql(store: &Store, predicate: &Expr) -> (String, Vec<Value>) {
    let mut translator = Translator::new(store.dialect(), 1, USER);
    let condition = translator.condition(predicate);
    let sql = format!(
        "SELECT v.referral_id FROM referral_viewers v{} WHERE v.organization_id = $1 AND {condition} ORDER BY v.referral_id",
        joins(&translator)
    );
    let params = [vec![VIEWER.to_string().into()], translator.into_params()].concat();
    (sql, params)
}

fn joins(translator: &Translator) -> String {
    let referral = if translator.needs_referral() { " JOIN referrals r ON r.id = v.referral_id" } else { "" };
    let document = if translator.needs_document() { Translator::DOCUMENT } else { "" };
    format!("{referral} {document}")
}

/// Collects what stands at each path, so that random predicates ask for it.
pub(super) fn sample(ty: &'static StructuredType, node: &Node, prefix: &str, samples: &mut Samples) {
    for property in ty.properties.iter().filter(|it| it.is_filterable) {
        let name = format!("{prefix}{}", property.name);
        let member = std::slice::from_ref(property);
        let path: Vec<&'static Property> = member.iter().collect();
        let items = Json(node).items(&path);
        match property.kind {
            Kind::Scalar(ty) => add_sample(samples, name, Json(node).value(&path).typed(ty)),
            Kind::Scalars(ty) => {
                for item in items {
                    add_sample(samples, name.clone(), item.value(&[]).typed(ty));
                }
            }
            Kind::Complex(below) => {
                let Some(node) = node.member(property.name) else { continue };
                sample(below, node, &format!("{name}/"), samples);
            }
            Kind::Complexes(below) => {
                for item in items {
                    sample(below, item.0, &format!("{name}/"), samples);
                }
            }
        }
    }
}

fn add_sample(samples: &mut Samples, name: String, value: Literal) {
    let values = samples.entry(name).or_default();
    if value != Literal::Null && values.len() < 6 && !values.contains(&value) {
        values.push(value);
    }
}

fn seen(visible: &VisibleReferral) -> Seen {
    let links = Links { base_url: "https://liaison.example".to_owned(), quote_engagement_id: false };
    let view = view::render(visible, &OrganizationId::from(VIEWER), &links, Context::None).unwrap();
    let json = Node::from_document(&view.body).unwrap();
    Seen { id: visible.stored.id, json }
}

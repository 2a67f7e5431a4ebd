//! The solutions that an organisation sells.

use serde::Serialize;
use utoipa::ToSchema;

use super::{AdministrationError, Author, Done, Thing, Tools, finish, write};
use crate::{
    domain::{
        audit::{Deed, Resource},
        json::Node,
        organization::{
            OrganizationId, Solution,
            form::{Form, Refused, TEXT_CHARS_MAX},
            profile::{SolutionProfile, SolutionRecord},
        },
        report::{Report, shortened},
        sources::Random,
    },
    storage::{Store, WholeOrganization},
};

const ID_CHARS_MAX: usize = 64;

/// A solution, as it is read.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SolutionView {
    /// Catalogue id such as `SOL-34104-EBB`; a random one when a new solution comes without. Nobody else's.
    #[schema(required = false)]
    pub id: String,
    /// Display name.
    #[schema(required = false)]
    pub name: String,
    /// What else is kept of it.
    #[serde(flatten)]
    pub profile: SolutionProfile,
}

/// Lists the solutions of an organisation by id.
pub async fn list_solutions(
    store: &Store,
    organization_id: &OrganizationId,
) -> Result<Vec<SolutionView>, AdministrationError> {
    Ok(store.list_solutions(organization_id).await?.into_iter().map(view).collect())
}

/// Reads a solution of an organisation; its id in any case.
pub async fn read_solution(
    store: &Store,
    organization_id: &OrganizationId,
    id: &str,
) -> Result<SolutionView, AdministrationError> {
    let solutions = store.list_solutions(organization_id).await?;
    let found = solutions.into_iter().find(|it| is_named(it, id));
    found.map(view).ok_or(AdministrationError::Unknown(Thing::Solution))
}

/// Adds a solution, whose id must be new to the whole exchange.
pub async fn create_solution(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    body: &Node,
) -> Result<SolutionView, AdministrationError> {
    let random_id = random_id(tools.random);
    let taken = "a solution with this id exists";
    write(tools, author, organization_id, taken, |whole, commit| {
        let solution =
            Solution { id: String::new(), organization_id: organization_id.clone(), name: String::new() };
        let mut record = SolutionRecord { solution, profile: SolutionProfile::default() };
        let mut report = Report::default();
        Form::read(body.clone(), &mut report, |form| {
            let mut id = None;
            form.checked_text("id", ID_CHARS_MAX, &mut id, solution_id);
            record.solution.id = id.unwrap_or_else(|| random_id.clone());
            read(form, whole, &mut record);
        });
        finish(report)?;
        commit.insert_solution(&record);
        let id = record.solution.id.clone();
        Ok(Done::new((Deed::Create, Resource::Solution), id, view(record)).after_answer())
    })
    .await
}

/// Changes a solution; absent members stay.
pub async fn update_solution(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    id: &str,
    body: &Node,
) -> Result<SolutionView, AdministrationError> {
    write(tools, author, organization_id, "", |whole, commit| {
        let before = find(whole, id)?;
        let mut record = before.clone();
        let mut report = Report::default();
        Form::read(body.clone(), &mut report, |form| {
            form.ignore(&["@odata.context", "id"]);
            read(form, whole, &mut record);
        });
        finish(report)?;
        commit.update_solution(&record);
        let done = Done::new((Deed::Update, Resource::Solution), &before.solution.id, view(record));
        Ok(done.before(&view(before.clone())).after_answer())
    })
    .await
}

/// Takes a solution away. Referrals that name it stay as they are; new ones cannot be addressed to it.
pub async fn remove_solution(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    id: &str,
) -> Result<(), AdministrationError> {
    write(tools, author, organization_id, "", |whole, commit| {
        let before = find(whole, id)?;
        commit.delete_solution(&before.solution);
        let done = Done::new((Deed::Delete, Resource::Solution), &before.solution.id, ());
        Ok(done.before(&view(before.clone())))
    })
    .await
}

fn read(form: &mut Form<'_>, whole: &WholeOrganization, record: &mut SolutionRecord) {
    let mut name = Some(std::mem::take(&mut record.solution.name)).filter(|it| !it.is_empty());
    form.text("name", TEXT_CHARS_MAX, &mut name);
    match name {
        Some(name) => record.solution.name = name,
        None => form.required("name", "the name of the solution is required"),
    }
    let mpn_id_before = record.profile.mpn_id.clone();
    record.profile.read(form);
    let known: Vec<&str> = whole.locations.iter().map(|it| it.location.mpn_id.as_str()).collect();
    if let Some(mpn_id) = record.profile.mpn_id.as_deref().filter(|it| !known.contains(it))
        && mpn_id_before.as_deref() != Some(mpn_id)
    {
        let message = format!("no location has the MPN id \"{mpn_id}\"; there are {}", known.join(", "));
        form.problem("mpnId", "ownLocation", message);
    }
}

/// Accepts what can stand in a path and on a command line as it is.
fn solution_id(text: &str) -> Result<String, Refused> {
    match text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it)) {
        true => Ok(text.to_owned()),
        false => {
            let message = format!(
                "\"{}\" is no solution id; send letters, digits, hyphens, such as SOL-34104-EBB",
                shortened(text)
            );
            Err(("solutionId", message))
        }
    }
}

/// Returns an id in the form that catalogues use.
fn random_id(random: &Random) -> String {
    const LETTERS: [char; 20] =
        ['B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Z'];
    let [a, b, c, d, letters @ ..] = random.bytes::<7>();
    let number = 10_000 + u32::from_le_bytes([a, b, c, d]) % 90_000;
    let letters: String =
        letters.iter().filter_map(|it| LETTERS.get(usize::from(*it) % LETTERS.len())).collect();
    format!("SOL-{number}-{letters}")
}

fn is_named(record: &SolutionRecord, id: &str) -> bool {
    record.solution.id.to_lowercase() == id.to_lowercase()
}

fn find<'a>(whole: &'a WholeOrganization, id: &str) -> Result<&'a SolutionRecord, AdministrationError> {
    whole.solutions.iter().find(|it| is_named(it, id)).ok_or(AdministrationError::Unknown(Thing::Solution))
}

fn view(record: SolutionRecord) -> SolutionView {
    SolutionView { id: record.solution.id, name: record.solution.name, profile: record.profile }
}

//! Every scenario, by group.

mod around;
mod documents;
pub(crate) mod lists;
mod parties;
mod protocol;
mod writing;

pub(crate) use self::around::webhooks;
use crate::scenario::Scenario;

/// Returns every scenario, in the order of the table.
pub fn all() -> Vec<Scenario> {
    let groups = [
        ("create", documents::create::scenarios()),
        ("required", documents::required::scenarios()),
        ("lenient", documents::lenient::scenarios()),
        ("read", documents::read::scenarios()),
        ("put", writing::put::scenarios()),
        ("patch", writing::patch::scenarios()),
        ("paths", writing::paths::scenarios()),
        ("lifecycle", writing::lifecycle::scenarios()),
        ("sides", parties::sides::scenarios()),
        ("microsoft", parties::microsoft::scenarios()),
        ("roles", parties::roles::scenarios()),
        ("list", lists::options::scenarios()),
        ("filter", lists::filters::scenarios()),
        ("pages", lists::pages::scenarios()),
        ("errors", protocol::errors::scenarios()),
        ("headers", protocol::headers::scenarios()),
        ("metadata", protocol::metadata::scenarios()),
        ("batch", protocol::batch::scenarios()),
        ("webhooks", around::webhooks::scenarios()),
        ("audit", around::audit::scenarios()),
        ("sign-in", around::tokens::scenarios()),
        ("liaison", around::liaison::scenarios()),
    ];
    let named = |(group, scenarios): (&'static str, Vec<Scenario>)| {
        scenarios.into_iter().map(move |it| Scenario { group, ..it })
    };
    groups.into_iter().flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_many_each_with_a_name_of_its_own_a_rule_and_a_source() {
        let scenarios = all();
        let mut names = HashSet::new();

        for it in &scenarios {
            let is_name =
                it.name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-');
            assert!(is_name && names.insert(it.name), "{}", it.name);
            assert!(it.rule.len() > 10 && !it.source.page.is_empty(), "{}", it.name);
        }
        let own = scenarios.iter().filter(|it| it.group == "liaison").count();
        assert!(scenarios.len() - own >= 150, "{}", scenarios.len());
    }

    #[test]
    fn only_the_group_of_own_additions_claims_them() {
        for it in all() {
            let is_own = it.needs.contains(&crate::Need::Liaison);
            assert_eq!(is_own, it.group == "liaison", "{}", it.name);
        }
    }
}

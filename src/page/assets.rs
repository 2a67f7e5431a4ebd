//! What pages load: the stylesheet and the script, under names that change with what they hold.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};

/// A file that pages load.
struct Asset {
    /// Name with a digest of the content, so that it can be kept for ever.
    name: String,
    content_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, content_type: &'static str, content: &'static str) -> Self {
        let digest = digest(&SHA256, content.as_bytes());
        let mark: String = digest.as_ref().iter().take(6).map(|it| format!("{it:02x}")).collect();
        Self { name: format!("{stem}-{mark}.{ending}"), content_type, content }
    }
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    [
        Asset::new("app", "css", "text/css; charset=utf-8", include_str!("../../assets/app.css")),
        Asset::new("app", "js", "text/javascript; charset=utf-8", include_str!("../../assets/app.js")),
        Asset::new(
            "form-post",
            "js",
            "text/javascript; charset=utf-8",
            include_str!("../../assets/form-post.js"),
        ),
        Asset::new("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
    ]
});

/// Returns the address of an asset by its first name, such as `app.css`.
pub(crate) fn address(name: &str) -> String {
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    let is_wanted = |it: &&Asset| {
        it.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')) && it.name.ends_with(ending)
    };
    let found = ASSETS.iter().find(is_wanted).map_or(name, |it| it.name.as_str());
    format!("/assets/{found}")
}

/// Returns what an asset holds, by the name that its address ends with, and its content type.
pub(crate) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    ASSETS.iter().find(|it| it.name == name).map(|it| (it.content, it.content_type))
}

#[cfg(test)]
mod tests {
    use super::{ASSETS, address};

    #[test]
    fn what_a_stylesheet_and_a_script_open_they_close() {
        for asset in ASSETS.iter().filter(|it| !it.name.ends_with(".svg")) {
            let count = |brace: char| asset.content.matches(brace).count();
            assert_eq!(count('{'), count('}'), "{}", asset.name);
        }
    }

    #[test]
    fn an_address_changes_with_the_content() {
        let found = address("app.css");
        assert!(found.starts_with("/assets/app-") && found.ends_with(".css"), "{found}");
        assert_ne!(found, address("app.js"));
    }
}

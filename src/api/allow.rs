//! Which methods a path has, for the `Allow` of a 405: read from the document, which lists every endpoint.

use serde_json::Value as Json;

/// The paths of the document, and their methods.
#[derive(Debug, Default)]
pub struct Allow(Vec<Route>);

#[derive(Debug)]
struct Route {
    /// Its segments; none is a parameter.
    segments: Vec<Option<String>>,
    methods: Vec<String>,
}

impl Allow {
    /// The endpoints of a document.
    pub fn of(document: &str) -> Self {
        let document: Json = serde_json::from_str(document).unwrap_or_default();
        let paths = document.get("paths").and_then(Json::as_object);
        Self(paths.into_iter().flatten().map(|(path, item)| Route::of(path, item)).collect())
    }

    /// The methods of a path, as the header lists them; none where the path is not of the document.
    pub fn methods(&self, path: &str) -> Option<String> {
        let given: Vec<&str> = segments(path).collect();
        let matching = self.0.iter().filter(|route| route.matches(&given));
        // As the router does: of two that match, the one that says more of it.
        let route = matching.max_by_key(|route| route.segments.iter().flatten().count())?;
        Some(route.methods.join(", "))
    }
}

impl Route {
    fn of(path: &str, item: &Json) -> Self {
        let segment = |segment: &str| (!segment.starts_with('{')).then(|| segment.to_owned());
        let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_ascii_uppercase());
        let mut methods: Vec<String> = methods.collect();
        methods.sort();
        Self { segments: segments(path).map(segment).collect(), methods }
    }

    fn matches(&self, given: &[&str]) -> bool {
        let same = |(ours, theirs): (&Option<String>, &&str)| ours.as_deref().is_none_or(|ours| ours == *theirs);
        self.segments.len() == given.len() && self.segments.iter().zip(given).all(same)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

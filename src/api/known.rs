//! What the document says of a path: its methods, for the `Allow` of a 405, and the parameters of each, so that one that is
//! misspelt is told and not passed over.

use serde_json::Value as Json;

use crate::expr::nearest;

use super::error::Problem;

/// The endpoints of the document.
#[derive(Debug, Default)]
pub struct Known(Vec<Route>);

#[derive(Debug)]
struct Route {
    /// Its segments; none is a parameter.
    segments: Vec<Option<String>>,
    /// Its methods in order, and the names that each takes in the query.
    methods: Vec<(String, Vec<String>)>,
}

impl Known {
    /// The endpoints of a document.
    pub fn of(document: &str) -> Self {
        let document: Json = serde_json::from_str(document).unwrap_or_default();
        let paths = document.get("paths").and_then(Json::as_object);
        Self(paths.into_iter().flatten().map(|(path, item)| Route::of(path, item)).collect())
    }

    /// The methods of a path, as the header lists them; none where the path is not of the document.
    pub fn methods(&self, path: &str) -> Option<String> {
        let methods: Vec<&str> = self.route(path)?.methods.iter().map(|(method, _)| &**method).collect();
        Some(methods.join(", "))
    }

    /// Refuses a query with a name that the endpoint does not take.
    ///
    /// # Errors
    /// The name, and the nearest one that it does take.
    pub fn check_query(&self, method: &str, path: &str, query: &str) -> Result<(), Problem> {
        let route = self.route(path);
        let Some((_, taken)) = route.and_then(|route| route.methods.iter().find(|(of, _)| of == method)) else {
            return Ok(());
        };
        let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair)).filter(|name| !name.is_empty());
        match names.into_iter().find(|name| !taken.iter().any(|taken| taken == name)) {
            Some(unknown) => {
                Err(Problem::unknown_parameter(unknown, nearest(unknown, taken.iter().map(String::as_str))))
            }
            None => Ok(()),
        }
    }

    fn route(&self, path: &str) -> Option<&Route> {
        let given: Vec<&str> = segments(path).collect();
        let matching = self.0.iter().filter(|route| route.matches(&given));
        // As the router does: of two that match, the one that says more of it.
        matching.max_by_key(|route| route.segments.iter().flatten().count())
    }
}

impl Route {
    fn of(path: &str, item: &Json) -> Self {
        let segment = |segment: &str| (!segment.starts_with('{')).then(|| segment.to_owned());
        let operations = item.as_object().into_iter().flatten();
        let mut methods: Vec<_> =
            operations.map(|(method, operation)| (method.to_ascii_uppercase(), query_names(operation))).collect();
        methods.sort();
        Self { segments: segments(path).map(segment).collect(), methods }
    }

    fn matches(&self, given: &[&str]) -> bool {
        let same = |(ours, theirs): (&Option<String>, &&str)| ours.as_deref().is_none_or(|ours| ours == *theirs);
        self.segments.len() == given.len() && self.segments.iter().zip(given).all(same)
    }
}

/// The parameters that an operation takes in the query.
fn query_names(operation: &Json) -> Vec<String> {
    let parameters = operation.get("parameters").and_then(Json::as_array);
    let in_query = parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query");
    in_query.filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned())).collect()
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

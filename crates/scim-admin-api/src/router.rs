//! Which endpoint a path and a method mean.

use percent_encoding::percent_decode_str;
use scim_provider::Method;

use crate::endpoint::Endpoint;

/// The parameters of a path: names and values, decoded.
pub(crate) type Parameters = Vec<(&'static str, String)>;

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Found<'e> {
    /// To this endpoint, with the path's parameters, decoded.
    Endpoint(&'e Endpoint, Parameters),
    /// The path has other methods.
    OtherMethods(Vec<&'static str>),
    /// Nowhere.
    Nothing,
}

/// Finds the endpoint of a path below `/admin/v1`. What is written out goes before parameters.
pub(crate) fn find<'e>(endpoints: &'e [Endpoint], method: Method, path: &str) -> Found<'e> {
    let method = if method == Method::Head { Method::Get } else { method };
    let Some(segments) = path.strip_prefix('/') else { return Found::Nothing };
    let segments: Vec<&str> = segments.split('/').collect();
    let mut best: Option<(&str, Parameters)> = None;
    for endpoint in endpoints {
        if let Some(parameters) = matches(endpoint.path, &segments)
            && best.as_ref().is_none_or(|(_, others)| parameters.len() < others.len())
        {
            best = Some((endpoint.path, parameters));
        }
    }
    let Some((path, parameters)) = best else { return Found::Nothing };
    let of_path = || endpoints.iter().filter(|endpoint| endpoint.path == path);
    if let Some(endpoint) = of_path().find(|endpoint| endpoint.method == method) {
        return Found::Endpoint(endpoint, parameters);
    }
    let mut methods: Vec<&str> = of_path().map(|endpoint| endpoint.method.name()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    Found::OtherMethods(methods)
}

fn matches(template: &'static str, segments: &[&str]) -> Option<Parameters> {
    let mut parameters = Vec::new();
    let mut parts = template.trim_start_matches('/').split('/');
    for segment in segments {
        let part = parts.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => {
                parameters.push((name, percent_decode_str(segment).decode_utf8().ok()?.into_owned()));
            }
            None if part == *segment => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_whole_paths() {
        let check = |template: &'static str, path: &str, expected: Option<&[&str]>| {
            let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            let found = matches(template, &segments);
            let values =
                found.as_ref().map(|found| found.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>());
            assert_eq!(values.as_deref(), expected, "{path}");
        };
        check("/instances", "/instances", Some(&[]));
        check("/instances/{instance}", "/instances/a%20b", Some(&["a b"]));
        check("/instances/{instance}", "/instances/", None);
        check("/instances/{instance}", "/instances/a/b", None);
        check("/instances/{instance}/keys", "/instances/a", None);
        check("/instances/{instance}", "/instances/%ff", None);
    }
}

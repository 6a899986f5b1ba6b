//! Which room may use which: arrows point down only. The table is the rule; ARCHITECTURE.md draws it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;

use crate::process::{cargo, output};

/// Each room and the rooms it may use, lowest first. What a room must never know is simply not in its row.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("schema", &["model"]),
    ("config", &["model"]),
    ("template", &["model"]),
    ("journal", &["model"]),
    ("process", &["model"]),
    ("media", &["model"]),
    ("analytics", &["model"]),
    ("source", &["model", "config", "media", "process", "schema", "template"]),
    ("export", &["model", "config", "media", "process", "schema", "template"]),
    (
        "runtime",
        &[
            "model",
            "schema",
            "config",
            "template",
            "journal",
            "process",
            "media",
            "analytics",
            "source",
            "export",
        ],
    ),
    ("api", &["model", "schema", "config", "template", "source", "export", "runtime"]),
    ("cli", &["model", "schema", "config", "template", "process", "source", "export", "runtime", "api"]),
];

/// May be a dev-dependency of any room, a dependency of none that ships; may itself use every room.
const TESTKIT: &str = "testkit";

/// Chores: may use everything, nothing may use them.
const CHORES: &[&str] = &["benches", "xtask"];

/// One package using another.
#[derive(Clone, Debug)]
struct Edge {
    from: String,
    to: String,
    dev: bool,
}

/// Every edge that is not allowed, in words; empty when all is well.
fn wrong(packages: &[String], edges: &[Edge]) -> Vec<String> {
    let rooms: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let known = |name: &str| rooms.contains_key(name) || name == TESTKIT || CHORES.contains(&name);
    let unknown = packages
        .iter()
        .filter(|name| !known(name))
        .map(|name| format!("{name} is not a room: add it to xtask/src/arrows.rs and to ARCHITECTURE.md"));
    let refused = edges.iter().filter(|edge| known(&edge.from) && known(&edge.to)).filter_map(|edge| {
        let allowed = match edge.from.as_str() {
            TESTKIT => !CHORES.contains(&edge.to.as_str()),
            from if CHORES.contains(&from) => true,
            _ if edge.to == TESTKIT => edge.dev,
            from => rooms.get(from).is_some_and(|below| below.contains(&edge.to.as_str())),
        };
        let below = rooms.get(edge.from.as_str()).map_or(String::new(), |below| below.join(", "));
        (!allowed).then(|| format!("{} must not use {}; it may use: {below}", edge.from, edge.to))
    });
    unknown.chain(refused).collect()
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or null for a plain one.
    kind: Option<String>,
    /// Only dependencies inside the repository have one.
    path: Option<String>,
}

/// The workspace as it is.
fn workspace() -> anyhow::Result<(Vec<String>, Vec<Edge>)> {
    let text = output(&mut cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
    let short = |name: &str| name.strip_prefix("watchpost-").unwrap_or(name).to_owned();
    let mut edges = Vec::new();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let dev = dependency.kind.as_deref() == Some("dev");
            edges.push(Edge { from: short(&package.name), to: short(&dependency.name), dev });
        }
    }
    Ok((metadata.packages.iter().map(|package| short(&package.name)).collect(), edges))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, dev: bool) -> Edge {
        Edge { from: from.into(), to: to.into(), dev }
    }

    #[test]
    fn arrows_point_down_only() {
        let (packages, edges) = workspace().unwrap();
        assert!(
            edges.iter().any(|edge| edge.from == "cli" && edge.to == "runtime"),
            "the workspace was read: {edges:?}"
        );
        let wrong = wrong(&packages, &edges);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn bad_edges_are_refused() {
        let bad = [
            edge("model", "schema", false),
            edge("export", "journal", false),
            edge("export", "source", true),
            edge("analytics", "media", false),
            edge("runtime", "testkit", false),
            edge("cli", "xtask", false),
        ];
        for edge in bad {
            let said = wrong(&[], std::slice::from_ref(&edge));
            assert_eq!(said.len(), 1, "{edge:?}: {said:?}");
            assert!(said[0].starts_with(&format!("{} must not use {}", edge.from, edge.to)), "{said:?}");
        }
    }

    #[test]
    fn good_edges_pass() {
        let good = [
            edge("cli", "runtime", false),
            edge("media", "testkit", true),
            edge("testkit", "cli", false),
            edge("xtask", "export", false),
        ];
        assert!(wrong(&[], &good).is_empty());
    }

    #[test]
    fn a_package_that_is_no_room_is_named() {
        assert_eq!(wrong(&["util".into()], &[]).len(), 1);
    }

    #[test]
    fn the_table_itself_has_no_circle() {
        for (at, (room, below)) in ROOMS.iter().enumerate() {
            for other in *below {
                let place = ROOMS.iter().position(|(name, _)| name == other);
                assert!(place.is_some_and(|place| place < at), "{room} uses {other}, which is not below it");
            }
        }
    }
}

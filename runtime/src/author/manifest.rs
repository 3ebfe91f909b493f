//! The manifest and the lock file of a crate of this repository, for a place outside of its workspace.

use anyhow::{Context as _, bail};
use toml::{Table, Value};

/// A crate's manifest as one that stands alone: what it takes from the workspace is written out. Without what only the
/// repository needs, its lints and what its tests depend on.
pub(super) fn alone(manifest: &str, workspace: &str) -> anyhow::Result<String> {
    let workspace: Table = toml::from_str(workspace).context("the workspace's manifest")?;
    let mut manifest: Table = toml::from_str(manifest).context("the crate's manifest")?;
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    for section in ["package", "dependencies"] {
        let inherited = workspace.get("workspace").and_then(|workspace| workspace.get(section));
        for (key, value) in manifest.get_mut(section).and_then(Value::as_table_mut).into_iter().flatten() {
            if value.get("workspace").is_none() {
                continue;
            }
            let here = value.clone();
            *value = inherited.and_then(|inherited| inherited.get(key)).with_context(|| format!("no {key} to inherit"))?.clone();
            add_features(value, &here);
        }
    }
    Ok(toml::to_string(&manifest)?)
}

/// Features that are asked for beside `workspace = true` are in addition to those of the workspace.
fn add_features(dependency: &mut Value, here: &Value) {
    let Some(Value::Array(more)) = here.get("features") else { return };
    if let Some(Value::Array(features)) = dependency.get_mut("features") {
        features.extend(more.iter().cloned());
    } else if let Some(dependency) = dependency.as_table_mut() {
        dependency.insert("features".to_owned(), Value::Array(more.clone()));
    }
}

/// The lock file of a crate `name` that depends on the crate `on` of this repository alone: the versions that the repository
/// is tested with, of what `on` needs outside of its tests.
pub(super) fn lock(name: &str, on: &str, manifest: &str, lock: &str) -> anyhow::Result<String> {
    let mut lock: Table = toml::from_str(lock).context("the lock file")?;
    let manifest: Table = toml::from_str(manifest).context("the crate's manifest")?;
    let Some(Value::Array(packages)) = lock.remove("package") else { bail!("the lock file names no packages") };
    let for_tests_alone = |dependency: &Value| {
        let named = |section: &str| manifest.get(section)?.get(named_by(dependency).0);
        named("dev-dependencies").is_some() && named("dependencies").is_none()
    };
    let mut needed = vec![Value::from(on)];
    let mut kept: Vec<Value> = Vec::new();
    while let Some(wanted) = needed.pop() {
        let (name, version) = named_by(&wanted);
        let is_wanted =
            |package: &&Value| text(package, "name") == name && (version.is_empty() || text(package, "version") == version);
        let mut package = packages.iter().find(is_wanted).with_context(|| format!("the lock file has no {wanted}"))?.clone();
        if let Some(Value::Array(dependencies)) = package.get_mut("dependencies") {
            dependencies.retain(|dependency| name != on || !for_tests_alone(dependency));
        }
        if !kept.contains(&package) {
            needed.extend(package.get("dependencies").and_then(Value::as_array).into_iter().flatten().cloned());
            kept.push(package);
        }
    }
    let own: [(&str, Value); 3] = [("name", name.into()), ("version", "0.1.0".into()), ("dependencies", vec![on].into())];
    kept.push(own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Table>().into());
    lock.insert("package".to_owned(), kept.into());
    Ok(toml::to_string(&lock)?)
}

fn text<'v>(package: &'v Value, key: &str) -> &'v str {
    package.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The name of a dependency in a lock file, and its version if several crates have that name.
fn named_by(dependency: &Value) -> (&str, &str) {
    let dependency = dependency.as_str().unwrap_or_default();
    dependency.split_once(' ').unwrap_or((dependency, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crate_takes_from_the_workspace_is_written_out() {
        let workspace = r#"
            workspace.package = { edition = "2024", license = "MIT" }
            workspace.dependencies = { plain = "1", with = { version = "2", features = ["a"] } }
            workspace.lints.rust.unsafe_code = "deny""#;
        let manifest = r#"
            package = { name = "x", edition.workspace = true, description = "y" }
            dependencies = { plain.workspace = true, with = { workspace = true, features = ["b"] }, own = "3" }
            dev-dependencies = { tests.workspace = true }
            lints.workspace = true"#;
        let expected = r#"
            package = { name = "x", edition = "2024", description = "y" }
            dependencies = { plain = "1", with = { version = "2", features = ["a", "b"] }, own = "3" }"#;
        let found: Table = toml::from_str(&alone(manifest, workspace).unwrap()).unwrap();
        assert_eq!(found, toml::from_str(expected).unwrap());
        let error = alone(manifest, "[workspace]").unwrap_err();
        assert!(error.to_string().contains("to inherit"), "{error}");
    }

    #[test]
    fn a_lock_keeps_what_is_needed_and_nothing_else() {
        let package = |name: &str, version: &str, dependencies: &[&str]| {
            format!("[[package]]\nname = {name:?}\nversion = {version:?}\ndependencies = {dependencies:?}\n")
        };
        let whole = [
            package("sdk", "0.1.0", &["checks", "reader 2.0.0"]),
            package("reader", "1.0.0", &["old"]),
            package("reader", "2.0.0", &["memory"]),
            package("memory", "1.0.0", &[]),
            package("old", "1.0.0", &[]),
            package("checks", "1.0.0", &[]),
        ];
        let manifest = "dependencies.reader = '2'\ndev-dependencies.checks = '1'\n";
        let found = lock("mine", "sdk", manifest, &format!("version = 4\n{}", whole.concat())).unwrap();
        let found: Table = toml::from_str(&found).unwrap();
        assert_eq!(found["version"].as_integer(), Some(4));
        let named = found["package"].as_array().unwrap().iter().map(|found| (text(found, "name"), text(found, "version")));
        let named: std::collections::BTreeSet<_> = named.collect();
        assert_eq!(named, [("mine", "0.1.0"), ("sdk", "0.1.0"), ("reader", "2.0.0"), ("memory", "1.0.0")].into());
    }
}

//! From an author's Python project to a component: componentize-py puts the interpreter and the author's modules, already
//! imported, into one.
//!
//! componentize-py is a package for Python, of one pinned version, that is installed once into an environment of its own in
//! the user's cache. Builds run the author's module at its import, in a sandbox of componentize-py's; packages that the
//! project depends on are wheels of pure Python, so nothing of them runs here either.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::embedded;
use crate::file;

/// The version that components are built with. Another one is another interpreter, and other costs.
const COMPONENTIZE: &str = "componentize-py==0.25.1";

/// The Python inside components, for which packages are chosen.
const PYTHON_INSIDE: &str = "3.14";

/// The module that componentize-py looks for the exported class in.
const EXPORTING_MODULE: &str = "tahoe_component";

/// Modules of a component that are not the author's.
const TAKEN: [&str; 4] = [EXPORTING_MODULE, "tahoe_filter", "wit_world", "componentize_py_types"];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    #[serde(default)]
    project: Project,
    tool: Tool,
}

#[derive(Default, Deserialize)]
struct Project {
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Tool {
    tahoe_filter: Table,
}

#[derive(Deserialize)]
struct Table {
    module: String,
}

/// Builds the project in `directory` and returns its component; `offline` with what is on this machine already.
pub(super) fn build(directory: &Path, offline: bool) -> anyhow::Result<Vec<u8>> {
    let shown = directory.display();
    let directory = fs::canonicalize(directory).with_context(|| format!("cannot find {shown}"))?;
    let manifest = manifest(&directory)?;
    let module = &manifest.tool.tahoe_filter.module;
    let caches = file::cache_folder().context("there is no folder for caches: neither XDG_CACHE_HOME nor HOME names one")?;
    let environment = Environment::find(&caches, offline)?;
    let dependencies = environment.dependencies(&caches, &manifest.project.dependencies, offline)?;

    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let carried = directory.join("tahoe");
    let sdk = if carried.join("tahoe_filter").is_dir() { carried } else { folder.path().join("sdk") };
    write(&folder.path().join("wit"), embedded::folder("wit"))?;
    write(&folder.path().join("sdk"), embedded::folder("filters/sdk-python"))?;
    let exporting = format!("from {module} import FILTER\nfrom tahoe_filter.component import bind\n\nFilter = bind(FILTER)\n");
    fs::write(folder.path().join("sdk").join(format!("{EXPORTING_MODULE}.py")), exporting)?;
    // What the interpreter leaves beside modules must not be left in the project.
    let author = folder.path().join("author");
    copy_modules(&directory, &author, 0).with_context(|| format!("cannot copy the modules of {shown}"))?;

    let component = folder.path().join("component.wasm");
    let mut command = environment.command("componentize-py");
    command.arg("--quiet").arg("--wit-path").arg(folder.path().join("wit")).args(["--world", "tahoe-filter", "componentize"]);
    for path in [Some(folder.path().join("sdk")), Some(sdk), Some(author), dependencies].into_iter().flatten() {
        command.arg("--python-path").arg(path);
    }
    command.arg("--output").arg(&component).arg(EXPORTING_MODULE).current_dir(folder.path());
    if !run(&mut command)? {
        bail!("building {shown} failed: importing its module {module} in the component must work, and leave a FILTER there");
    }
    fs::read(&component).with_context(|| format!("building {shown} left no component"))
}

fn manifest(directory: &Path) -> anyhow::Result<Manifest> {
    let path = directory.join("pyproject.toml");
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
    let manifest: Manifest = toml::from_str(&text).with_context(|| {
        format!("{shown}: expected a table [tool.tahoe-filter] with `module = \"NAME\"`, the module with FILTER")
    })?;
    let module = &manifest.tool.tahoe_filter.module;
    let is_name = module.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && module.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name || TAKEN.contains(&&**module) {
        bail!("{shown}: {module:?} cannot be the module of a filter; give it another name");
    }
    if !directory.join(module).join("__init__.py").is_file() && !directory.join(format!("{module}.py")).is_file() {
        bail!("{shown} names the module {module}, and there is neither {module}.py nor {module}/__init__.py beside it");
    }
    Ok(manifest)
}

fn write(folder: &Path, files: impl Iterator<Item = (&'static str, &'static str)>) -> anyhow::Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// How deep packages nest.
const PACKAGE_DEPTH: u8 = 8;

/// Copies modules and packages: what a component may import of a project.
fn copy_modules(from: &Path, to: &Path, depth: u8) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_file() && path.extension().is_some_and(|kind| kind == "py") {
            fs::copy(&path, to.join(name))?;
        } else if path.join("__init__.py").is_file() && depth < PACKAGE_DEPTH {
            copy_modules(&path, &to.join(name), depth + 1)?;
        }
    }
    Ok(())
}

/// A virtual environment with componentize-py in it.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The one in the user's cache, made if it is not there yet.
    fn find(caches: &Path, offline: bool) -> anyhow::Result<Self> {
        let found = Self { folder: caches.join(COMPONENTIZE.replace("==", "-")) };
        let complete = found.folder.join("complete");
        if complete.exists() {
            return Ok(found);
        }
        if offline {
            bail!("{COMPONENTIZE} is not on this machine yet, and --offline forbids to fetch it: build once without");
        }
        fs::create_dir_all(caches).with_context(|| format!("cannot make the folder {}", caches.display()))?;
        // Two builds must not install into one folder at the same time.
        let lock = File::create(caches.join("install.lock")).and_then(|file| file.lock().map(|()| file));
        let _lock = lock.with_context(|| format!("cannot lock {}", caches.display()))?;
        if !complete.exists() {
            found.install()?;
            fs::write(&complete, b"").with_context(|| format!("cannot write {}", complete.display()))?;
        }
        Ok(found)
    }

    fn install(&self) -> anyhow::Result<()> {
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| OsString::from("python3"));
        let folder = self.folder.display();
        tracing::info!("the first build of a filter in Python: installing {COMPONENTIZE} (about 70 MB) with pip, in {folder}");
        let mut venv = Command::new(&python);
        venv.args(["-m", "venv", "--clear"]).arg(&self.folder);
        let made = run(&mut venv).with_context(|| {
            format!(
                "filters in Python need {} 3.11 or later to be built: on Debian `apt-get install python3-venv`",
                python.display()
            )
        })?;
        if !made {
            bail!("{} cannot make a virtual environment, see above: on Debian `apt-get install python3-venv`", python.display());
        }
        let mut pip = self.command("pip");
        pip.args(["install", "--quiet", "--only-binary=:all:", COMPONENTIZE]);
        if !run(&mut pip)? {
            bail!(
                "pip could not install {COMPONENTIZE}, see above. It is needed once, and a package index within reach for it; \
                 `pip config` sets another index, or a proxy"
            );
        }
        Ok(())
    }

    /// A folder with the packages that a project depends on. Kept by their names, so that they are fetched once.
    fn dependencies(&self, caches: &Path, wanted: &[String], offline: bool) -> anyhow::Result<Option<PathBuf>> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let folder = caches.join(format!("packages-{}", hex::encode(Sha256::digest(wanted.join("\n")))));
        if folder.is_dir() {
            return Ok(Some(folder));
        }
        if offline {
            bail!("{} are not on this machine yet, and --offline forbids to fetch them: build once without", wanted.join(", "));
        }
        let unfinished = tempfile::tempdir_in(caches).with_context(|| format!("cannot write in {}", caches.display()))?;
        let mut pip = self.command("pip");
        // Wheels for any platform are those without machine code, which would be this machine's.
        pip.args(["install", "--quiet", "--only-binary=:all:", "--platform", "any", "--python-version", PYTHON_INSIDE]);
        pip.arg("--target").arg(unfinished.path()).arg("--").args(wanted);
        if !run(&mut pip)? {
            bail!(
                "pip could not install {}, see above. A filter can use packages that have a wheel of pure Python, and no others",
                wanted.join(", ")
            );
        }
        match fs::rename(unfinished.path(), &folder) {
            // Another build was first.
            Err(_) if folder.is_dir() => {}
            done => done.with_context(|| format!("cannot write {}", folder.display()))?,
        }
        Ok(Some(folder))
    }

    fn command(&self, program: &str) -> Command {
        Command::new(self.folder.join("bin").join(program))
    }
}

/// Runs a program whose own words are for the author; whether it succeeded.
fn run(command: &mut Command) -> anyhow::Result<bool> {
    // What these would add is not of the project.
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env_remove("VIRTUAL_ENV").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command.stdout(std::io::stderr());
    let status = command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(pyproject: &str, modules: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pyproject.toml"), pyproject).unwrap();
        for module in modules {
            let path = folder.path().join(module);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn a_project_names_a_module_that_is_there() {
        let named = |name: &str| format!("[tool.tahoe-filter]\nmodule = {name:?}\n");
        assert!(manifest(project(&named("mine"), &["mine.py"]).path()).is_ok());
        assert!(manifest(project(&named("mine"), &["mine/__init__.py"]).path()).is_ok());
        for (pyproject, words) in [
            (named("mine"), "neither mine.py nor"),
            (named("tahoe_filter"), "another name"),
            (named("os; exit()"), "another name"),
            ("[tool.tahoe-filter]\n".to_owned(), "expected a table"),
            ("[tool".to_owned(), "expected a table"),
        ] {
            let error = manifest(project(&pyproject, &[]).path()).err().unwrap();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }

    #[test]
    fn modules_and_packages_are_copied_and_nothing_else() {
        let folder = project("", &["mine.py", "package/__init__.py", "package/data.bin", "venv/lib/x.py", "notes.txt"]);
        let copy = tempfile::tempdir().unwrap();
        copy_modules(folder.path(), copy.path(), 0).unwrap();
        assert!(copy.path().join("mine.py").exists() && copy.path().join("package/__init__.py").exists());
        for left in ["package/data.bin", "venv", "notes.txt"] {
            assert!(!copy.path().join(left).exists(), "{left}");
        }
    }

    #[test]
    fn what_must_be_fetched_is_said_where_nothing_may_be() {
        let caches = tempfile::tempdir().unwrap();
        let error = Environment::find(caches.path(), true).err().unwrap().to_string();
        assert!(error.contains(COMPONENTIZE) && error.contains("--offline"), "{error}");
        let there = Environment { folder: caches.path().to_owned() };
        let error = there.dependencies(caches.path(), &["x==1".to_owned()], true).err().unwrap().to_string();
        assert!(error.contains("x==1"), "{error}");
        assert!(there.dependencies(caches.path(), &[], true).unwrap().is_none());
    }
}

//! `runtime inspect`.

use std::io::{self, Write as _};

use serde_json::json;

use super::filters::{admit, read_component};
use crate::cli::InspectArgs;
use crate::exit::Exit;
use crate::limits::Profile;
use crate::sandbox::Refusal;
use crate::tahoe::Hash;
use crate::terminal::escape;
use crate::verdict::ENGINE;
use crate::worker::{Filter, Launcher};

/// Says what a component is and whether it would be admitted: 0 if so, 1 if not.
pub(super) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let bytes = read_component(&args.filter)?;
    let digest = Hash::of(&[&bytes]);
    let size = bytes.len();
    let admitted = admit(&Launcher::new()?, &bytes, None);
    let mut out = io::stdout().lock();
    match (&admitted, args.json) {
        (Ok(filter), true) => writeln!(out, "{}", json(filter, size))?,
        (Ok(filter), false) => print(&mut out, filter)?,
        (Err(refusal), true) => {
            let refused = json!({"admitted": false, "reason": refusal.to_string(), "size": size, "sha256": digest});
            writeln!(out, "{refused}")?;
        }
        (Err(refusal), false) => print_refusal(&mut out, refusal, size, digest)?,
    }
    Ok(if admitted.is_ok() { Exit::Complete } else { Exit::CouldNotRun })
}

fn json(filter: &Filter, size: usize) -> serde_json::Value {
    json!({
        "admitted": true,
        "descriptor": filter.descriptor(),
        "contract": filter.contract(),
        "profile": filter.profile(),
        "imports": filter.imports(),
        "limits": filter.limits(),
        "engine": ENGINE,
        "size": size,
        "sha256": filter.digest(),
    })
}

fn print(out: &mut impl io::Write, filter: &Filter) -> io::Result<()> {
    let descriptor = filter.descriptor();
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<12} {}", escape(value));
    line("name", &descriptor.name)?;
    line("description", &descriptor.description)?;
    line("id", &descriptor.id.to_string())?;
    line("version", &descriptor.version)?;
    line("reads", &descriptor.accepts.join(", "))?;
    for (number, (kind, sub_types)) in descriptor.emits.kinds().enumerate() {
        line(if number == 0 { "emits" } else { "" }, &format!("{kind}s {}", sub_types.join(", ")))?;
    }
    line("asserts", &descriptor.emits.asserted().collect::<Vec<_>>().join(", "))?;
    if descriptor.options.is_empty() {
        line("options", "none")?;
    }
    for option in &descriptor.options {
        let allowed = if option.allowed.is_empty() { String::from("any") } else { option.allowed.join(" | ") };
        let secret = if option.secret { ", secret" } else { "" };
        line("option", &format!("{} = {} ({allowed}{secret}): {}", option.key, option.default, option.description))?;
    }
    line("contract", filter.contract())?;
    line("profile", profile(filter.profile()))?;
    let imports = if filter.imports().is_empty() { "nothing".to_owned() } else { filter.imports().join(", ") };
    line("imports", &imports)?;
    let limits = filter.limits();
    let (fuel, memory, output) = (limits.fuel, limits.memory, limits.output);
    line(
        "limits",
        &format!("fuel {} + {}/byte, memory {} MiB + {}/byte,", fuel.constant, fuel.factor, memory.constant >> 20, memory.factor),
    )?;
    line("", &format!("output {} MiB + {}/byte; all of them: --json", output.constant >> 20, output.factor))?;
    line("size", &format!("{} bytes", filter.size()))?;
    line("sha256", &filter.digest().to_string())?;
    line("engine", ENGINE)?;
    line("admitted", "yes")
}

const fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Pure => "pure: no WASI",
        Profile::Wasi => {
            "wasi: has a language's runtime inside, and larger budgets; finds no files, no network, no clock but the record's"
        }
    }
}

fn print_refusal(out: &mut impl io::Write, refusal: &Refusal, size: usize, digest: Hash) -> io::Result<()> {
    writeln!(out, "{:<12} {size} bytes", "size")?;
    writeln!(out, "{:<12} {digest}", "sha256")?;
    writeln!(out, "{:<12} no: {}", "admitted", escape(&refusal.to_string()))
}

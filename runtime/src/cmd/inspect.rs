//! `runtime inspect`.

use std::io::{self, Write as _};

use indicatif::{HumanBytes, HumanCount};
use serde_json::json;

use super::filters::{admit, read_component};
use crate::cli::InspectArgs;
use crate::exit::Exit;
use crate::limits::{Budget, Limits, Profile};
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
    let admitted = admit(&Launcher::new()?, &bytes);
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
        "setup": filter.setup(),
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
    line(
        "size",
        &format!("{} of at most {} bytes", HumanCount(filter.size() as u64), HumanCount(filter.profile().component_bytes())),
    )?;
    line("sha256", &filter.digest().to_string())?;
    let setup = filter.setup();
    line(
        "setup",
        &format!("{} of fuel, {} of memory, before a record's own work", HumanCount(setup.fuel), HumanBytes(setup.memory)),
    )?;
    for (number, (name, limit)) in limits(filter.limits()).iter().enumerate() {
        line(if number == 0 { "limits" } else { "" }, &format!("{name:<22} {limit}"))?;
    }
    line("engine", ENGINE)?;
    line("admitted", "yes")
}

/// Every limit, for people: what a record of so many bytes gets of it.
fn limits(limits: &Limits) -> Vec<(&'static str, String)> {
    // All of them by name: one that is new must be shown.
    let Limits {
        setup_fuel,
        fuel,
        wall_clock_ms,
        memory,
        table_entries,
        instances,
        memories,
        tables,
        handles,
        random,
        output,
        nodes,
        events,
        sessions,
        children,
        depth,
        sub_type,
        text,
        expanded,
        expanded_ceiling,
        references,
        document,
        log_lines,
        log_line,
    } = limits;
    let count = |count: &u64| HumanCount(*count).to_string();
    let bytes = |bytes: &u64| HumanBytes(*bytes).to_string();
    let with_input = |constant: String, budget: &Budget| match budget.divisor {
        1 => format!("{constant} + {} per byte of the record", budget.factor),
        1_048_576 => format!("{constant} + {} per MiB of the record", HumanCount(budget.factor)),
        divisor => format!("{constant} + {} per {divisor} bytes of the record", budget.factor),
    };
    let counted = |budget: &Budget| with_input(count(&budget.constant), budget);
    let in_bytes = |budget: &Budget| with_input(bytes(&budget.constant), budget);
    vec![
        ("fuel", counted(fuel)),
        ("fuel for setup", count(setup_fuel)),
        ("wall clock in ms", counted(wall_clock_ms)),
        ("memory", in_bytes(memory)),
        ("output", in_bytes(output)),
        ("nodes", counted(nodes)),
        ("events", counted(events)),
        ("sessions", counted(sessions)),
        ("children of one", count(children)),
        ("depth of objects", count(depth)),
        ("one sub-type", bytes(sub_type)),
        ("one text", in_bytes(text)),
        ("one document", bytes(document)),
        ("documents written out", format!("{}, at most {}", in_bytes(expanded), bytes(expanded_ceiling))),
        ("references", counted(references)),
        ("log lines", format!("{} of {}", count(log_lines), bytes(log_line))),
        ("core instances", count(instances)),
        ("memories, tables", format!("{}, {}", count(memories), count(tables))),
        ("table entries", count(table_entries)),
        ("handles", count(handles)),
        ("random bytes", bytes(random)),
    ]
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
    for (number, part) in refusal.to_string().lines().enumerate() {
        let begin = if number == 0 { format!("{:<12} no:", "admitted") } else { " ".repeat(16) };
        writeln!(out, "{begin} {}", escape(part))?;
    }
    Ok(())
}

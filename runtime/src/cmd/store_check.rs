//! `runtime store check`: what an archive is like, before the first run on it.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde_json::json;

use super::{UsageError, config, filters};
use crate::cli::{FiltersArgs, SettingsArgs, StoreCheckArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::pipeline::Member;
use crate::store::{self, Access, ClaimSize, ORIGINALS, Oddities, Store, StoreError, Survey};
use crate::tahoe::Itype;
use crate::terminal::escape;
use crate::worker::Launcher;

/// The option of filters that can make documents of that mapping.
const COMPAT: &str = "compat";

/// Prints what was found. Exit code 3 if there is something to think of.
pub(super) fn check(args: &StoreCheckArgs) -> anyhow::Result<Exit> {
    let address = config::address(&args.store)?;
    store::check_address(&address)?;
    let members = match args.filters.as_slice() {
        [] => Vec::new(),
        named => {
            let filters = FiltersArgs { filters: named.to_vec(), ..FiltersArgs::default() };
            let settings = config::settings(&SettingsArgs { filters, store: args.store.clone(), workers: None })?;
            let launcher = Launcher::new().context("cannot tell where this program lies")?;
            filters::load(&launcher, &settings)?
        }
    };
    let store = store::open_with(&address, Access::ReadOnly)?;
    let survey = store.survey()?;
    let pending = members
        .iter()
        .map(|member| {
            let (pending, _) = store.peek(&member.reference, ClaimSize { records: 1, bytes: 0 })?;
            Ok((member.reference.name.clone(), pending))
        })
        .collect::<anyhow::Result<Vec<(String, u64)>>>()?;
    let advice = advice(&survey);
    let mut out = io::stdout().lock();
    if args.json {
        let pending: serde_json::Map<_, _> = pending.into_iter().map(|(name, count)| (name, count.into())).collect();
        writeln!(out, "{}", json!({"survey": survey, "pending": pending, "advice": advice}))?;
    } else {
        print(&mut out, &survey, &pending, &advice)?;
    }
    Ok(if advice.is_empty() { Exit::Complete } else { Exit::Incomplete })
}

/// What to think of, in words.
fn advice(survey: &Survey) -> Vec<String> {
    let mut advice = Vec::new();
    let examples = |oddities: &Oddities| oddities.examples.join(", ");
    let missing: Vec<&str> = survey.indexes.iter().filter(|index| !index.present).map(|index| index.name.as_str()).collect();
    if !missing.is_empty() {
        advice
            .push(format!("Indexes are missing ({}): the first run makes them, and takes its time for it.", missing.join(", ")));
    }
    if survey.duplicates.count > 0 {
        advice.push(format!(
            "{} hashes are there more than once (such as {}): harmless, the document with the lowest _id is written and an export \
             shows their join; a unique index cannot be made.",
            survey.duplicates.count,
            examples(&survey.duplicates)
        ));
    }
    if survey.unreadable.count > 0 {
        advice.push(format!(
            "{} documents cannot be read and are left alone, whatever runs: {}.",
            survey.unreadable.count,
            examples(&survey.unreadable)
        ));
    }
    if survey.inconsistent.count > 0 {
        advice.push(format!(
            "{} counts or indexes do not agree with the documents they are for (should be: {}): what is counted, or found by its hash, \
             is wrong. That is a bug: please report it, and keep the file as it is. All documents are in its tables.",
            survey.inconsistent.count,
            examples(&survey.inconsistent)
        ));
    }
    if survey.original_mapping > 0 {
        advice.push(format!(
            "{} attributes `{ORIGINALS}` are of the original's mapping of honeypot records: a filter with the option `{COMPAT}` needs \
             to be told which mapping to make, with --option FILTER.{COMPAT}=….",
            survey.original_mapping
        ));
    }
    advice
}

fn print(out: &mut impl io::Write, survey: &Survey, pending: &[(String, u64)], advice: &[String]) -> io::Result<()> {
    writeln!(out, "{}", escape(&survey.server))?;
    let mut table = super::table(["documents", "", "hidden", "marked by filters"]);
    for (itype, count) in &survey.documents {
        table.add_row([if itype.is_empty() { "of no kind" } else { itype }, &count.to_string(), "", ""]);
    }
    for (sub_type, raw) in &survey.raw {
        let marks: Vec<String> = raw.marks.iter().map(|(id, count)| format!("{} {count}", escape(id))).collect();
        let name = format!("raw {}", escape(sub_type));
        table.add_row([name, raw.documents.to_string(), raw.hidden.to_string(), marks.join("\n")]);
    }
    writeln!(out, "{table}")?;
    for (filter, count) in pending {
        writeln!(out, "{filter} would take on {count} records.")?;
    }
    for line in advice {
        writeln!(out, "- {}", escape(line))?;
    }
    if advice.is_empty() {
        writeln!(out, "Nothing to think of before a run.")?;
    }
    Ok(())
}

/// Whether an archive has documents of the original's mapping of honeypot records.
pub(super) fn has_originals_mapping(store: &dyn Store) -> Result<bool, StoreError> {
    store.has(Itype::Attribute, ORIGINALS)
}

/// The filter, if there is one, that could make either mapping and was not told which. In an archive that has documents of
/// the original's it must be told: the same record would become two sets of documents that never meet.
pub(super) fn undecided(members: &[Member], config: &Config) -> Option<UsageError> {
    members.iter().find_map(|member| {
        let option = member.filter.descriptor().options.iter().find(|option| option.key == COMPAT)?;
        let name = &member.reference.name;
        let chosen = config.options_of(name, &[COMPAT]).contains_key(COMPAT);
        let values = option.allowed.join(" or ");
        (!chosen).then(|| {
            UsageError(format!(
                "the archive has documents of the original's mapping of honeypot records (attributes `{ORIGINALS}`): say which mapping \
                 {name} is to make, with --option {name}.{COMPAT}=VALUE, VALUE being {values}"
            ))
        })
    })
}

//! `runtime export`.

use std::io::{self, BufWriter, Write as _};

use super::UsageError;
use crate::cli::ExportArgs;
use crate::exit::Exit;
use crate::store::{self, ExportQuery};
use crate::tahoe::Itype;

/// Writes documents to stdout, one a line.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<Exit> {
    let itype = match &args.itype {
        None => None,
        Some(name) => Some(Itype::from_name(name).ok_or_else(|| {
            let known = Itype::ALL.map(Itype::name).join(", ");
            UsageError(format!("--itype {name:?} is no kind of document; there are: {known}"))
        })?),
    };
    let query = ExportQuery { itype, sub_type: args.sub_type.clone() };
    let store = store::open_existing(&super::config::address(&args.store)?)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failed = None;
    let result = store.export(&query, &mut |line| {
        let written = out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n"));
        written.map_err(|error| {
            let copy = io::Error::from(error.kind());
            failed = Some(error);
            copy
        })
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    result?;
    out.flush()?;
    Ok(Exit::Complete)
}

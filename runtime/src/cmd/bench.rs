use crate::cli::BenchArgs;
use crate::exit::Exit;
pub(super) fn run(_args: &BenchArgs) -> anyhow::Result<Exit> {
    Ok(Exit::Usage)
}

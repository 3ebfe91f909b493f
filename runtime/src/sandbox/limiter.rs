//! What a guest may allocate, summed over all that it has.

use wasmtime::ResourceLimiter;

use crate::verdict::FailureKind;

/// A budget that a guest exceeded. Travels through the engine as the error that ends the call.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {requested} asked for, at most {limit}")]
pub(super) struct Exceeded {
    pub(super) kind: FailureKind,
    what: &'static str,
    requested: u64,
    limit: u64,
}

impl Exceeded {
    pub(super) const fn new(kind: FailureKind, what: &'static str, requested: u64, limit: u64) -> Self {
        Self { kind, what, requested, limit }
    }
}

/// The host could not give what it had granted.
#[derive(Debug, thiserror::Error)]
#[error("the host is short of memory: {0}")]
pub(super) struct HostShort(String);

/// Sums memory and table growth over all memories and tables of a store. wasmtime's own limits are per memory, so a
/// guest with two would have twice as much.
#[derive(Debug)]
pub(super) struct Limiter {
    memory: u64,
    memory_limit: u64,
    entries: u64,
    entries_limit: u64,
    counts: [usize; 3],
}

impl Limiter {
    pub(super) const fn new(memory_limit: u64, entries_limit: u64, counts: [usize; 3]) -> Self {
        Self { memory: 0, memory_limit, entries: 0, entries_limit, counts }
    }

    /// Bytes of memory that the guest has.
    pub(super) const fn memory(&self) -> u64 {
        self.memory
    }
}

/// Adds growth to a sum, or says by how much it is too much. A refusal is an error and so ends the call: told
/// `false`, a guest would go on, and a memory bomb would read as a guest's own panic.
fn grow(
    sum: &mut u64,
    (current, desired, maximum): (usize, usize, Option<usize>),
    limit: u64,
    kind: FailureKind,
    what: &'static str,
) -> wasmtime::Result<bool> {
    let requested = sum.saturating_add((desired as u64).saturating_sub(current as u64));
    if requested > limit {
        return Err(Exceeded::new(kind, what, requested, limit).into());
    }
    // Beyond what the component itself declares: WebAssembly says that the guest is told. After the budget, since the
    // pool's own size is a maximum too.
    if maximum.is_some_and(|maximum| desired > maximum) {
        return Ok(false);
    }
    *sum = requested;
    Ok(true)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        grow(&mut self.memory, (current, desired, maximum), self.memory_limit, FailureKind::Memory, "bytes of memory")
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        grow(&mut self.entries, (current, desired, maximum), self.entries_limit, FailureKind::Resources, "table entries")
    }

    // A host short of memory must not show in an answer: the guest is not told, the call ends, and may be tried again.

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostShort(error.to_string()).into())
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostShort(error.to_string()).into())
    }

    fn instances(&self) -> usize {
        self.counts[0]
    }

    fn memories(&self) -> usize {
        self.counts[1]
    }

    fn tables(&self) -> usize {
        self.counts[2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_memories_share_one_budget_and_the_last_byte_of_it_is_granted() {
        let mut limiter = Limiter::new(100, 10, [1, 2, 1]);
        assert!(limiter.memory_growing(0, 60, None).is_ok());
        assert!(limiter.memory_growing(0, 41, None).is_err());
        assert!(limiter.memory_growing(0, 40, None).is_ok());
        assert_eq!(limiter.memory(), 100);
    }

    #[test]
    fn growth_beyond_the_declared_maximum_is_told_to_the_guest_and_not_counted() {
        let mut limiter = Limiter::new(100, 10, [1, 1, 1]);
        assert!(matches!(limiter.memory_growing(0, 60, Some(50)), Ok(false)));
        assert_eq!(limiter.memory(), 0);
        assert!(limiter.memory_grow_failed(wasmtime::Error::msg("no memory")).is_err());
    }

    #[test]
    fn two_tables_share_one_budget() {
        let mut limiter = Limiter::new(100, 10, [1, 2, 2]);
        assert!(limiter.table_growing(0, 10, None).is_ok());
        assert!(limiter.table_growing(0, 1, None).is_err());
    }
}

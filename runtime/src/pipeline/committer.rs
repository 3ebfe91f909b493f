//! What turns have settled, on its way into the store: a thread beside each worker's, so that the worker makes the next calls
//! meanwhile.

use std::cell::Cell;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::run::{Place, Run, lock};
use crate::store::{Committed, Settled, StoreError, SubmissionKey, Verdict};

/// What one turn of a filter settled.
pub(super) struct Batch {
    /// The filter, by its index.
    pub(super) filter: usize,
    /// None, if the turn only found that the filter must be stopped: that is written down too.
    pub(super) settled: Vec<Settled>,
}

impl Batch {
    /// What is to be given back if the batch does not get in.
    pub(super) fn keys(self) -> Vec<SubmissionKey> {
        self.settled.into_iter().map(|settled| settled.key).collect()
    }
}

impl Run<'_> {
    /// Commits a worker's turns, until the worker has ended.
    pub(super) fn commit_all(&self, batches: &Receiver<Batch>) {
        for batch in batches {
            let Some(place) = self.place(batch.filter) else { continue };
            if let Err(error) = self.guard(|| self.commit(place, &batch.settled)) {
                self.give_back(place, batch.keys());
                self.fail(error);
            }
        }
    }

    /// Commits a turn and enters it in the books.
    fn commit(&self, place: Place<'_>, settled: &[Settled]) -> Result<(), StoreError> {
        // What the store took, and not how long it was out of reach.
        let busy = Cell::new(Duration::ZERO);
        if !settled.is_empty() {
            let committed = self.patience.ask(|| {
                let start = Instant::now();
                let committed = self.store.commit(place.member.reference.id, settled);
                busy.set(start.elapsed());
                committed
            })?;
            let mut book = lock(place.book);
            for (settled, committed) in settled.iter().zip(committed) {
                book.counters.fuel += settled.report.fuel;
                book.chatter.note(&place.member.reference.name, &settled.report);
                if let Verdict::Rejected(reason) = &settled.verdict {
                    book.reasons.note(reason);
                }
                match committed {
                    Committed::Done { new_documents } => {
                        book.counters.done += 1;
                        book.counters.documents += new_documents;
                    }
                    Committed::Rejected => book.counters.rejected += 1,
                    Committed::Failed(_) => book.counters.failed += 1,
                }
            }
        }
        lock(&self.schedule).charge(place.index, busy.get());
        lock(place.book).counters.busy_us += busy.get().as_micros() as u64;
        self.note(place);
        Ok(())
    }
}

//! The way of one record. The file to read first.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::answer::{Answer, AnswerError, Rules, build, check};
use crate::sandbox::Record;
use crate::store::{Settled, Verdict, Work};
use crate::verdict::{Called, Failure, FailureKind, Outcome};
use crate::worker::{Filter, Worker};

/// What a filter sees of a record.
#[must_use]
pub fn record_of(work: &Work) -> Record<'_> {
    Record { sub_type: &work.sub_type, data: &work.data, timezone: &work.timezone, received_at: work.received_at }
}

/// Makes a verdict, and documents, of what a filter made of a record. Never fails: what goes wrong is the verdict.
#[must_use]
pub fn conclude(filter: &Filter, work: &Work, called: Called) -> Settled {
    let verdict = match called.outcome {
        Outcome::Answered(answer) => admit(filter, work, answer),
        Outcome::Rejected(reason) => Verdict::Rejected(reason),
        Outcome::Failed(failure) => Verdict::Failed(failure),
    };
    Settled { key: work.key.clone(), verdict, report: called.report, attempts: 1 }
}

/// Gives a record to a filter and concludes.
#[must_use]
pub fn attempt(worker: &mut Worker, filter: &Filter, work: &Work) -> Settled {
    let called = worker.call_one(filter, record_of(work));
    conclude(filter, work, called)
}

/// Checks an untrusted answer and builds its documents.
fn admit(filter: &Filter, work: &Work, answer: Answer) -> Verdict {
    let rules = Rules {
        limits: filter.limits(),
        emits: &filter.descriptor().emits,
        input: work.data.len() as u64,
        received_at: work.received_at,
    };
    let documents = || {
        let checked = check(answer, &rules)?;
        let digest = checked.digest();
        Ok::<_, AnswerError>((build(checked, &work.key.orgid)?, digest))
    };
    // A panic here would be a bug of ours, and must still cost no more than this record.
    match catch_unwind(AssertUnwindSafe(documents)) {
        Ok(Ok((graph, digest))) => Verdict::Done(graph, digest),
        Ok(Err(error)) => Verdict::Failed(Failure::new(FailureKind::Answer, error.to_string())),
        Err(_) => Verdict::Failed(Failure::new(FailureKind::Host, "the host panicked on this answer; please report it")),
    }
}

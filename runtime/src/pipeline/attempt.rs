//! The way of one record. The file to read first.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::answer::{Answer, AnswerError, Rules, build, check};
use crate::sandbox::{Filter, Record};
use crate::store::{Settled, Verdict, Work};
use crate::verdict::{Failure, FailureKind, Outcome};

/// Gives a record to a filter and makes documents of what it answers. Never fails: what goes wrong is the verdict.
#[must_use]
pub fn attempt(filter: &Filter, work: &Work) -> Settled {
    let record = Record { sub_type: &work.sub_type, data: &work.data, timezone: &work.timezone, received_at: work.received_at };
    let called = filter.call(&record);
    let verdict = match called.outcome {
        Outcome::Answered(answer) => admit(filter, work, answer),
        Outcome::Rejected(reason) => Verdict::Rejected(reason),
        Outcome::Failed(failure) => Verdict::Failed(failure),
    };
    Settled { key: work.key.clone(), verdict, report: called.report, attempts: 1 }
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
        Ok::<_, AnswerError>((build(&checked, &work.key.orgid)?, checked.digest()))
    };
    // A panic here would be a bug of ours, and must still cost no more than this record.
    match catch_unwind(AssertUnwindSafe(documents)) {
        Ok(Ok((graph, digest))) => Verdict::Done(graph, digest),
        Ok(Err(error)) => Verdict::Failed(Failure::new(FailureKind::Answer, error.to_string())),
        Err(_) => Verdict::Failed(Failure::new(FailureKind::Host, "the host panicked on this answer; please report it")),
    }
}

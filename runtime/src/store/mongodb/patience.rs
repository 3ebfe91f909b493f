//! Waiting for the server, but never for ever.
//!
//! The driver has no limit for an answer: a connection that is open and silent, as behind a proxy that hangs or a
//! firewall that forgot it, would hold a worker until somebody ends the process. So whatever is asked of a server is
//! awaited here, and given up after a time. The server may carry it out all the same, later: no harm, writes are joins.

use std::future::IntoFuture;
use std::io::{Error, ErrorKind};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::store::StoreError;

/// How long an answer may take, unless the address says (`socketTimeoutMS`): far longer than a healthy server needs
/// for the largest command.
pub(super) const ANSWER: Duration = Duration::from_secs(120);
/// How long the building of an index may take, which reads the whole archive.
pub(super) const INDEX: Duration = Duration::from_secs(3600);

/// Awaits the driver from threads that are not asynchronous.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    runtime: &'static Runtime,
    limit: Duration,
}

impl Patience {
    /// With the threads that the driver needs, shared by the whole process.
    pub(super) fn new(limit: Duration) -> Result<Self, StoreError> {
        static RUNTIME: OnceLock<Result<Runtime, Error>> = OnceLock::new();
        let build = || Builder::new_multi_thread().worker_threads(2).thread_name("mongodb").enable_all().build();
        match RUNTIME.get_or_init(build) {
            Ok(runtime) => Ok(Self { runtime, limit }),
            Err(error) => Err(StoreError::Permanent(format!("no threads for the driver of MongoDB: {error}"))),
        }
    }

    /// With another limit, if that is longer.
    pub(super) fn at_least(self, limit: Duration) -> Self {
        Self { limit: self.limit.max(limit), ..self }
    }

    /// What comes of it, or an error of the connection if it takes too long.
    pub(super) fn wait<T>(self, asked: impl IntoFuture<Output = mongodb::error::Result<T>>) -> mongodb::error::Result<T> {
        self.runtime.block_on(async {
            match tokio::time::timeout(self.limit, asked.into_future()).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::new(ErrorKind::TimedOut, format!("no answer within {:?}", self.limit)).into()),
            }
        })
    }
}

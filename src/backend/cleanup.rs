//! Work that is left behind by what was dropped: an upload to abort, a body to remove.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long closing a store waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tasks that somebody should wait for before the program ends.
#[derive(Debug, Default)]
pub(super) struct Cleanups(Mutex<Vec<JoinHandle<()>>>);

impl Cleanups {
    /// Starts a task, if this is a place where tasks run; else what it would have removed
    /// is an orphan, which the clean-up finds.
    pub(super) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(runtime.spawn(task));
    }

    /// Waits for what was started.
    pub(super) async fn finish(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if !tasks.is_empty() {
            let _ = timeout(PATIENCE, join_all(tasks)).await;
        }
    }
}

//! Who may send when: so many requests at a time in all and to each host, so far apart,
//! and none to a host that has asked for rest.
//!
//! The limits stand where requests go out, so that redirects to another host, validations
//! and retries are held to them like everything else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;

use super::super::retry::{LONGEST_PAUSE, retry_after};
use super::super::transport::{Incoming, Outgoing, Transport};
use super::{WarmOptions, WarmResult};

/// How late a timer may be for its turn to count as punctual.
const LATENESS: Duration = Duration::from_millis(5);

/// The code of the error that ends what may not go on.
pub(super) const STOPPED: &str = "stopped";

/// The code of the error that ends what would be sent.
pub(super) const NOT_SENT: &str = "not_sent";

/// What all requests pass.
#[derive(Debug)]
pub(super) struct Gate {
    inner: Arc<dyn Transport>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    per_host: usize,
    interval: Duration,
    looking: Arc<Semaphore>,
    sending: Arc<Semaphore>,
    closed: watch::Sender<bool>,
}

#[derive(Debug)]
struct Host {
    slots: Arc<Semaphore>,
    /// When the next request may go out.
    next: Mutex<Instant>,
}

impl Gate {
    pub(super) fn new(inner: Arc<dyn Transport>, options: &WarmOptions) -> Self {
        let jobs = options.jobs.max(1);
        Gate {
            inner,
            hosts: Mutex::default(),
            per_host: options.per_host.max(1),
            interval: options.interval,
            looking: Arc::new(Semaphore::new(jobs)),
            sending: Arc::new(Semaphore::new(jobs)),
            closed: watch::Sender::new(false),
        }
    }

    /// Lets nobody pass any more, those who wait included.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = locked(&self.hosts);
        let made = || {
            let slots = Arc::new(Semaphore::new(self.per_host));
            Arc::new(Host { slots, next: Mutex::new(Instant::now()) })
        };
        Arc::clone(hosts.entry(name.to_owned()).or_insert_with(made))
    }

    async fn unless_closed<T>(&self, wait: impl Future<Output = T>) -> Result<T> {
        let mut closed = self.closed.subscribe();
        let stopped = || Error::new(ErrorKind::Partial, "not started any more").coded(STOPPED);
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(stopped()),
            done = wait => Ok(done),
        }
    }

    async fn permit(&self, of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
        let permit = self.unless_closed(Arc::clone(of).acquire_owned()).await?;
        permit.map_err(|e| Error::new(ErrorKind::Internal, "a gate was taken down").because(e))
    }
}

impl Host {
    /// Until the next request may go out, as far as is known now.
    async fn rested(&self) {
        let next = *locked(&self.next);
        tokio::time::sleep_until(next).await;
    }

    /// Takes the turn, if it is not another's meanwhile.
    fn takes_turn(&self, interval: Duration) -> bool {
        let mut next = locked(&self.next);
        let now = Instant::now();
        if *next > now {
            return false;
        }
        // Timers come a little late; the turn after this one is not to be later for it.
        let is_punctual = now - *next < interval.min(LATENESS);
        *next = if is_punctual { *next + interval } else { now + interval };
        true
    }

    fn rest(&self, span: Duration) {
        let mut next = locked(&self.next);
        *next = (*next).max(Instant::now() + span);
    }
}

/// One URL's way through the gate. It holds what it was given until it sends the next
/// request, pauses, or is dropped.
#[derive(Debug)]
pub(super) struct Passage {
    gate: Arc<Gate>,
    max_time: Option<Duration>,
    is_dry: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    looking: Option<OwnedSemaphorePermit>,
    sending: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    deadline: Option<Instant>,
    waited: Duration,
    /// What a dry run has found out.
    would: Option<WarmResult>,
}

impl Passage {
    /// Waits for leave to look into the store.
    pub(super) async fn enter(
        gate: &Arc<Gate>,
        max_time: Option<Duration>,
        is_dry: bool,
    ) -> Result<Self> {
        let looking = Some(gate.permit(&gate.looking).await?);
        let state = Mutex::new(State { looking, ..State::default() });
        Ok(Passage { gate: Arc::clone(gate), max_time, is_dry, state })
    }

    /// How long it has waited for its turns.
    pub(super) fn waited(&self) -> Duration {
        locked(&self.state).waited
    }

    /// What would have been sent, in a dry run.
    pub(super) fn would(&self) -> Option<WarmResult> {
        locked(&self.state).would
    }

    fn release(&self) {
        let mut state = locked(&self.state);
        state.looking = None;
        state.sending = None;
    }

    /// Waits for its turn.
    async fn take_turn(&self, host: &Host) -> Result<()> {
        let gate = &self.gate;
        let slot = gate.permit(&host.slots).await?;
        let sending = loop {
            gate.unless_closed(host.rested()).await?;
            let sending = gate.permit(&gate.sending).await?;
            if host.takes_turn(gate.interval) {
                break sending;
            }
        };
        locked(&self.state).sending = Some((slot, sending));
        Ok(())
    }

    /// When everything has to be over: time that is spent on waiting for others does not
    /// count.
    fn deadline(&self, waited: Duration) -> Option<std::time::Instant> {
        let mut state = locked(&self.state);
        state.waited += waited;
        state.deadline = match (state.deadline, self.max_time) {
            (Some(deadline), _) => Some(deadline + waited),
            (None, span) => span.map(|span| Instant::now() + span),
        };
        state.deadline.map(Instant::into_std)
    }
}

#[async_trait]
impl Transport for Passage {
    async fn send(&self, request: Outgoing) -> Result<Incoming> {
        self.release();
        if self.is_dry {
            let conditional =
                ["if-none-match", "if-modified-since"].map(|name| request.headers.contains(name));
            let would = if conditional.contains(&true) {
                WarmResult::Revalidate
            } else {
                WarmResult::Fetch
            };
            locked(&self.state).would = Some(would);
            return Err(Error::new(ErrorKind::Network, "nothing is sent").coded(NOT_SENT));
        }
        let begun = Instant::now();
        let host = self.gate.host(request.url.authority().unwrap_or_default());
        self.take_turn(&host).await?;
        let deadline = self.deadline(begun.elapsed());
        let incoming = self.gate.inner.send(Outgoing { deadline, ..request }).await?;
        if matches!(incoming.status, 429 | 503)
            && let Some(span) = retry_after(&incoming.headers, Timestamp::now())
            && span <= LONGEST_PAUSE
        {
            host.rest(span);
        }
        Ok(incoming)
    }

    async fn pause(&self, span: Duration) {
        self.release();
        // Whoever is told to stop finds out with the next request.
        let _ = self.gate.unless_closed(tokio::time::sleep(span)).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The connection to a server, a cluster, or the master that sentinels name: made when
//! the first command goes out, made again when it broke, and patient within bounds.

use std::fmt;
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
#[cfg(feature = "redis-cluster")]
use ::redis::cluster::ClusterClient;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster_async::ClusterConnection;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
#[cfg(feature = "redis-cluster")]
use ::redis::sentinel::SentinelClient;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind as RedisKind, FromRedisValue, Pipeline,
    RedisError, RedisResult, ServerErrorKind, Value, cmd,
};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::error::Result;
use crate::storage::current_runtime;

use super::trouble;

/// How long connecting may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the answer to one command may take.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a server that was never reached is tried again: it may just be starting.
const PATIENCE_WITH_A_STRANGER: Duration = Duration::from_secs(1);

/// How long a server that answered before, or that answers "not now", is tried again: a
/// restart with a large dump takes its time.
const PATIENCE: Duration = Duration::from_secs(15);

/// The first pause between two tries; each next one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const LONGEST_PAUSE: Duration = Duration::from_millis(1000);

/// Whom to connect to.
pub(super) enum Target {
    Server(Client),
    #[cfg(feature = "redis-cluster")]
    Cluster(ClusterClient),
    #[cfg(feature = "redis-cluster")]
    Sentinels(Mutex<SentinelClient>),
}

/// What goes to the server in one go.
#[derive(Clone, Copy)]
enum Work<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
    /// The same; what is wrong with one key stays among the answers.
    Apart(&'a Pipeline),
    #[cfg(feature = "redis-cluster")]
    ToNode(&'a Cmd, &'a (String, u16)),
}

/// An open connection; clones share it.
#[derive(Clone)]
enum Line {
    Server(MultiplexedConnection),
    #[cfg(feature = "redis-cluster")]
    Cluster(ClusterConnection),
}

/// A connection that comes into being when it is needed.
pub(crate) struct Link {
    target: Target,
    /// The place for people, without password.
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    line: Option<Line>,
    /// Counts connections, so that only the one that broke is given up.
    number: u64,
}

impl Link {
    pub(super) fn new(target: Target, name: String) -> Self {
        Link { target, name, state: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_cluster(&self) -> bool {
        #[cfg(feature = "redis-cluster")]
        let is_cluster = matches!(self.target, Target::Cluster(_));
        #[cfg(not(feature = "redis-cluster"))]
        let is_cluster = false;
        is_cluster
    }

    /// Sends a command, again where that helps, and gives its answer.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        self.one(Work::Command(command)).await
    }

    /// Sends a command to one node of a cluster.
    #[cfg(feature = "redis-cluster")]
    pub(super) async fn ask_node<T>(&self, command: &Cmd, node: &(String, u16)) -> Result<T>
    where
        T: FromRedisValue,
    {
        self.one(Work::ToNode(command, node)).await
    }

    async fn one<T: FromRedisValue>(&self, work: Work<'_>) -> Result<T> {
        let value = self.patiently(work).await?.pop().unwrap_or_default();
        T::from_redis_value(value).map_err(|e| trouble::explain(e.into(), &self.name))
    }

    /// Sends commands that all are about one slot in one go, or none. An error among the
    /// answers is an error.
    pub(crate) async fn ask_all(&self, commands: &Pipeline) -> Result<Vec<Value>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.patiently(Work::Pipeline(commands)).await
    }

    /// The same, but what is wrong with one key is an error in its place.
    pub(crate) async fn ask_apart(&self, commands: &Pipeline) -> Result<Vec<Result<Value>>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let values = self.patiently(Work::Apart(commands)).await?.into_iter();
        let each = values.map(|value| {
            value.extract_error().map_err(|error| trouble::explain(error, &self.name))
        });
        Ok(each.collect())
    }

    /// By what the database on the server is known, whatever the server's names and addresses:
    /// nothing where it does not tell, or may not be asked.
    pub(crate) async fn servers(&self) -> Result<Vec<String>> {
        if self.is_cluster() {
            let mut command = cmd("CLUSTER");
            command.arg("SLOTS");
            let ranges: Vec<Vec<Value>> = self.ask(&command).await?;
            let master = |range: Vec<Value>| {
                let node: Vec<Value> = Vec::from_redis_value(range.into_iter().nth(2)?).ok()?;
                let id = String::from_redis_value(node.into_iter().nth(2)?).ok()?;
                Some(format!("redis cluster node {id}"))
            };
            return Ok(ranges.into_iter().filter_map(master).collect());
        }
        let told: String = match self.ask(&cmd("INFO")).await {
            Err(e) if e.code() == "store_denied" || e.code() == "store_failed" => String::new(),
            told => told?,
        };
        let client: String = match self.ask(cmd("CLIENT").arg("INFO")).await {
            Err(e) if e.code() == "store_denied" || e.code() == "store_failed" => String::new(),
            told => told?,
        };
        let database = client.split(' ').find_map(|field| field.strip_prefix("db="));
        let Some(database) = database else { return Ok(Vec::new()) };
        let of = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        // Replicas hold what their master holds, and have the number of its history.
        let known = [of("run_id:"), of("master_replid:")];
        Ok(known.into_iter().flatten().map(|id| format!("redis {id} db {database}")).collect())
    }

    /// Does some work, and tries again what may come right: a broken connection is made
    /// anew, a server that says "not now" is waited for.
    ///
    /// What is done twice has to come out as if it was done once: an answer that is lost
    /// with its connection does not say whether the server acted.
    async fn patiently(&self, work: Work<'_>) -> Result<Vec<Value>> {
        current_runtime()?;
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (error, is_stranger) = match self.line().await {
                Ok((number, mut line)) => match line.run(work).await {
                    Ok(value) => return Ok(value),
                    Err(error) => {
                        if breaks_the_line(&error) {
                            self.give_up(number).await;
                        }
                        (error, false)
                    }
                },
                Err((error, is_stranger)) => (error, is_stranger),
            };
            let patience = if is_stranger { PATIENCE_WITH_A_STRANGER } else { PATIENCE };
            if !may_come_right(&error, &self.target) || started.elapsed() + pause > patience {
                return Err(trouble::explain(error, &self.name));
            }
            tracing::debug!(store = %self.name, %error, "trying again in {pause:?}");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The connection; an error tells whether there has been one before.
    async fn line(&self) -> Result<(u64, Line), (RedisError, bool)> {
        let mut state = self.state.lock().await;
        if let Some(line) = &state.line {
            return Ok((state.number, line.clone()));
        }
        let line = self.target.connect().await.map_err(|e| (e, state.number == 0))?;
        state.number += 1;
        state.line = Some(line.clone());
        Ok((state.number, line))
    }

    async fn give_up(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.number == number {
            state.line = None;
        }
    }

    /// Lets go of the connection.
    pub(crate) async fn close(&self) {
        self.state.lock().await.line = None;
    }
}

impl Line {
    async fn run(&mut self, work: Work<'_>) -> RedisResult<Vec<Value>> {
        let is_apart = matches!(work, Work::Apart(_));
        let values = match (self, work) {
            (Line::Server(line), Work::Command(command)) => {
                vec![line.req_packed_command(command).await?]
            }
            // There is but one.
            #[cfg(feature = "redis-cluster")]
            (Line::Server(line), Work::ToNode(command, _)) => {
                vec![line.req_packed_command(command).await?]
            }
            (Line::Server(line), Work::Pipeline(commands) | Work::Apart(commands)) => {
                line.req_packed_commands(commands, 0, commands.len()).await?
            }
            #[cfg(feature = "redis-cluster")]
            (Line::Cluster(line), Work::Command(command)) => {
                vec![line.req_packed_command(command).await?]
            }
            #[cfg(feature = "redis-cluster")]
            (Line::Cluster(line), Work::Pipeline(commands) | Work::Apart(commands)) => {
                line.req_packed_commands(commands, 0, commands.len()).await?
            }
            #[cfg(feature = "redis-cluster")]
            (Line::Cluster(line), Work::ToNode(command, (host, port))) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                vec![line.route_command(command.clone(), RoutingInfo::SingleNode(node)).await?]
            }
        };
        let checked = values.into_iter().map(|value| match value {
            Value::ServerError(error) if is_apart && error.code() == "WRONGTYPE" => {
                Ok(Value::ServerError(error))
            }
            value => value.extract_error(),
        });
        checked.collect()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Target {
    async fn connect(&self) -> RedisResult<Line> {
        match self {
            Target::Server(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT));
                client.get_multiplexed_async_connection_with_config(&config).await.map(Line::Server)
            }
            #[cfg(feature = "redis-cluster")]
            Target::Cluster(client) => client.get_async_connection().await.map(Line::Cluster),
            #[cfg(feature = "redis-cluster")]
            Target::Sentinels(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT));
                let mut client = client.lock().await;
                client.get_async_connection_with_config(&config).await.map(Line::Server)
            }
        }
    }

    fn has_sentinels(&self) -> bool {
        #[cfg(feature = "redis-cluster")]
        return matches!(self, Target::Sentinels(_));
        #[cfg(not(feature = "redis-cluster"))]
        return false;
    }
}

/// After these the connection is of no use any more.
fn breaks_the_line(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(error.kind(), RedisKind::Server(ServerErrorKind::ReadOnly))
}

fn may_come_right(error: &RedisError, target: &Target) -> bool {
    match error.kind() {
        RedisKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown,
        ) => true,
        // Sentinels may name another master by now.
        RedisKind::Server(ServerErrorKind::ReadOnly) | RedisKind::MasterNameNotFoundBySentinel => {
            target.has_sentinels()
        }
        RedisKind::ClusterConnectionNotFound => true,
        // A time-out has taken its time already.
        RedisKind::Io => error.is_connection_dropped() && !error.is_timeout(),
        _ => false,
    }
}

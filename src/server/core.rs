//! The parts of a server that need no network: database, queue, engine, workers, use cases.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::config::{self, Config};
use crate::expr::{ObjectType, Type, type_from_schema};
use crate::lang;
use crate::plan::{Runs, TaskDefaults, TaskType, TaskTypes};
use crate::queue::{LocalQueue, RedisLeases, RedisNudges, RedisOptions, RedisQueue, RedisSource};
use crate::runtime::{self, Node, SystemClock, SystemEntropy};
use crate::service::ports::{
    Dispatcher, Entropy, ExecutionReads, NoFaults, NoNudges, Nudges, TaskLeases, TaskSource, Wanted,
};
use crate::service::{self, Handlers, Service, TaskHandler};
use crate::store::{self, Database};
use crate::worker::{self, Pool};

use super::ServeError;
use super::commits::CommitThread;

/// The shortest leases: with less a busy machine would be taken for a dead one.
const LEAST_LEASE: Duration = Duration::from_secs(1);

/// Engine, workers and use cases of a process.
pub struct Core {
    database: Arc<Database>,
    queue: Arc<dyn Dispatcher>,
    node: Arc<Node>,
    pool: Option<Pool>,
    service: Arc<Service>,
    /// Whether what is with the queue survives this process.
    survives: bool,
    _clock: AbortOnDropHandle<()>,
    _commits: CommitThread,
}

impl Core {
    /// Opens the database, takes over what is unfinished in it, and starts to work.
    ///
    /// # Errors
    /// Why it could not start.
    pub async fn start(config: &Config, own: Handlers) -> Result<Self, ServeError> {
        install_tls_provider();
        let task_types = task_types(&own)?;
        let database = Database::open(&store_options(config)).await?;
        let redis = redis_options(config)?;
        let handlers = handlers(config, own);
        let queue = Queue::connect(config, redis.as_ref(), &handlers).await?;
        let clock = Arc::new(SystemClock::anchored(database.now().await.map_err(ServeError::Clock)?));
        let ports = runtime::Ports {
            store: database.clone(),
            queue: queue.dispatcher.clone(),
            clock: clock.clone(),
            nudges: nudges(redis.as_ref()).await?,
            entropy: Arc::new(SystemEntropy),
            faults: Arc::new(NoFaults),
        };
        let commits = CommitThread::start(database.kind() != "sqlite").map_err(ServeError::Thread)?;
        let options = runtime::Options { commits_on: commits.handle(), ..node_options(config, &database) };
        let node = Node::start(options, ports).await?;
        let service = Service::new(service::Parts {
            store: database.clone(),
            runtime: node.clone(),
            queue: queue.dispatcher.clone(),
            leases: queue.leases,
            clock: clock.clone(),
            entropy: node.entropy(),
            task_types,
            settings: config.settings.to_json(),
            limits: service_limits(config),
        });
        let pool = queue.source.map(|source| Pool::start(source, handlers, pool_options(config, &redis)));
        let _clock = AbortOnDropHandle::new(tokio::spawn(follow(clock, database.clone())));
        Ok(Self {
            database,
            queue: queue.dispatcher,
            node,
            pool,
            service: Arc::new(service),
            survives: redis.is_some(),
            _clock,
            _commits: commits,
        })
    }

    /// The use cases.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// The engine's shell.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The owners' side of the queue.
    pub fn queue(&self) -> &Arc<dyn Dispatcher> {
        &self.queue
    }

    /// `sqlite` or `postgres`.
    pub fn database_kind(&self) -> &'static str {
        self.database.kind()
    }

    /// Stops: nothing new is started or claimed, what runs goes on for at most this long, and what is then unfinished is
    /// handed back. Everything that ended is written down.
    pub async fn stop(self, at_most: Duration) {
        // Together: the engine must not hand out more while the workers finish, and must take what they finish.
        let workers = async {
            if let Some(pool) = &self.pool {
                pool.drain(at_most).await;
            }
        };
        // With Redis, a worker elsewhere can speak for its task to the next process.
        let elsewhere = async {
            self.service.tasks_close();
            if !self.survives {
                let _ = tokio::time::timeout(at_most, self.service.tasks_ended()).await;
            }
        };
        tokio::join!(workers, elsewhere, self.node.drain(at_most));
    }
}

/// Keeps the clock beside the database's.
async fn follow(clock: Arc<SystemClock>, database: Arc<Database>) {
    clock.follow(|| async { database.now().await.ok() }).await;
}

/// All sides of the queue.
struct Queue {
    dispatcher: Arc<dyn Dispatcher>,
    leases: Arc<dyn TaskLeases>,
    /// None where this process runs no workers.
    source: Option<Arc<dyn TaskSource>>,
}

impl Queue {
    async fn connect(config: &Config, redis: Option<&RedisOptions>, handlers: &Handlers) -> Result<Self, ServeError> {
        let works = config.workers.concurrency > 0;
        let wanted = wanted(config, handlers)?;
        let Some(options) = redis else {
            let queue = LocalQueue::new();
            let source = works.then(|| queue.source(wanted, &worker_name()));
            return Ok(Self { dispatcher: queue.clone(), leases: queue, source });
        };
        let dispatcher = RedisQueue::connect(options).await?;
        let source: Option<Arc<dyn TaskSource>> = match works {
            true => Some(RedisSource::connect(options, wanted, &worker_name()).await?),
            false => None,
        };
        let leases = RedisLeases::connect(options).await?;
        Ok(Self { dispatcher, leases, source })
    }
}

/// What other nodes are told by.
async fn nudges(redis: Option<&RedisOptions>) -> Result<Arc<dyn Nudges>, ServeError> {
    Ok(match redis {
        Some(options) => RedisNudges::connect(options).await?,
        None => Arc::new(NoNudges),
    })
}

/// Chooses ring for all of TLS. A program that has chosen for itself keeps its choice.
pub(super) fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What this process is called where it claims tasks: by its host and a few random digits, since containers share both
/// host names and process ids.
pub(super) fn worker_name() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    let name = || {
        let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/etc/hostname")).unwrap_or_default();
        let host: String =
            host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
        let host = if host.is_empty() { "worker" } else { &host };
        let digits = SystemEntropy.uuid().simple().to_string();
        format!("{host}-{}-{}", std::process::id(), &digits[..6])
    };
    NAME.get_or_init(name).clone()
}

/// The options of Redis as the settings have them; none without a URL.
pub(super) fn redis_options(config: &Config) -> Result<Option<RedisOptions>, ServeError> {
    let Some(url) = config.redis.url.clone() else { return Ok(None) };
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|error| ServeError::File(format!("can't read `{}`: {error}", path.display())))
    };
    let ca = config.redis.ca.as_ref().map(read).transpose()?;
    Ok(Some(RedisOptions { url, ca, prefix: config.redis.prefix.clone(), lease: config.redis.lease }))
}

/// The built-in handlers, and over them the program's own.
pub(super) fn handlers(config: &Config, own: Handlers) -> Handlers {
    let options =
        worker::HttpOptions { connect_timeout: config.http.connect_timeout, ..worker::HttpOptions::default() };
    let mut handlers = worker::builtin_handlers(options);
    own.iter().for_each(|handler| handlers.register_shared(handler.clone()));
    handlers
}

/// What the workers of a process take: the tasks that they have handlers for, in their queues.
pub(super) fn wanted(config: &Config, handlers: &Handlers) -> Result<Wanted, ServeError> {
    let task_types = handlers.iter().map(|handler| handler.task_type().to_owned()).collect();
    let queues = Wanted::of_queues(&config.workers.queues).map_err(ServeError::Queues)?;
    Ok(Wanted { task_types, ..queues })
}

pub(super) fn pool_options(config: &Config, redis: &Option<RedisOptions>) -> worker::Options {
    let defaults = worker::Options::default();
    worker::Options {
        concurrency: usize::try_from(config.workers.concurrency).unwrap_or(usize::MAX),
        heartbeat: redis.as_ref().map_or(defaults.heartbeat, RedisOptions::heartbeat),
        max_outcome_bytes: size(config.limits.output_bytes),
    }
}

fn store_options(config: &Config) -> store::Options {
    store::Options {
        url: config.database_url(),
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout,
        statement_timeout: config.database.statement_timeout,
        exclusive: true,
    }
}

fn node_options(config: &Config, database: &Database) -> runtime::Options {
    let defaults = runtime::Options::default();
    // SQLite has one writer, and is this process's; PostgreSQL writes with as many connections as there are shards, and its
    // partitions are shared with whoever else serves it.
    let (committers, lease) = match database.kind() {
        "sqlite" => (1, None),
        _ => (defaults.shards, Some(config.database.lease.max(LEAST_LEASE))),
    };
    let config::Retention { completed, failed, keys } = config.retention.clone();
    let retention = runtime::Retention { completed, failed, keys };
    let settings = config.settings.to_json();
    runtime::Options { owner: worker_name(), lease, committers, retention, settings, ..defaults }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn service_limits(config: &Config) -> service::Limits {
    service::Limits {
        input_bytes: size(config.limits.input_bytes),
        output_bytes: size(config.limits.output_bytes),
        ..service::Limits::default()
    }
}

/// The built-in task types and those of the program's own handlers.
fn task_types(own: &Handlers) -> Result<TaskTypes, ServeError> {
    let mut types = lang::builtin_task_types();
    for handler in own.iter() {
        let name = handler.task_type();
        if types.get(name).is_some_and(|known| known.runs == Runs::Engine) {
            return Err(ServeError::Handler(format!(
                "`{name}` is carried out by the engine; call the handler otherwise"
            )));
        }
        types.insert(task_type(&**handler)?);
    }
    Ok(types)
}

fn task_type(handler: &dyn TaskHandler) -> Result<TaskType, ServeError> {
    let name = handler.task_type();
    let config = match type_from_schema(&handler.config_schema()) {
        Type::Object(config) => config,
        Type::Any => ObjectType { fields: Vec::new(), open: true },
        other => {
            let message = format!("the schema of `{name}`'s configuration is `{other}`, and has to be an object's");
            return Err(ServeError::Handler(message));
        }
    };
    Ok(TaskType {
        name: name.into(),
        description: handler.description().into(),
        config,
        output: type_from_schema(&handler.output_schema()),
        runs: Runs::Worker,
        defaults: TaskDefaults::default(),
    })
}

//! What may be asked for: commands, flags and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, ConfigErrors, Flag, Inputs, Loaded};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "stepwell",
    version,
    about = "A workflow-as-code server: typed .flow files, durable executions, one binary",
    after_help = "Exit codes: 0 it went well, 1 the thing failed, 2 the command line or the settings are wrong.",
    disable_help_subcommand = true
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve: API, engine, workers and the watcher of files, in one process
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<ServeArgs>),
    /// Work: claim tasks from Redis and carry them out, without a database
    #[command(after_help = WORKER_EXAMPLES)]
    Worker(WorkerArgs),
    /// Run one workflow to its end, and show each step as it happens
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Check files of workflows, and show everything that is wrong with them
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Write files of the flow language in their canonical form
    #[command(after_help = FMT_EXAMPLES)]
    Fmt(FmtArgs),
    /// Run the tests of workflows: on the real engine, with mocks and a clock of their own
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestArgs),
    /// Say what a code of the compiler means, with a wrong and a right example
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Print a file in the other notation: TOML as .flow, and back where it fits
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),
    /// Draw a workflow: its steps, and what follows on what
    #[command(after_help = GRAPH_EXAMPLES)]
    Graph(GraphArgs),
    /// Print the JSON Schema of the TOML notation, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Show the settings in force, and where each comes from
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(Box<ConfigArgs>),
    /// Print the OpenAPI document of the API
    #[command(after_help = OPENAPI_EXAMPLES)]
    Openapi,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  stepwell serve --demo                         everything in this folder: stepwell.db, workflows/
  stepwell serve --database postgres://app@db/stepwell --redis redis://cache
  stepwell serve --redis redis://cache --workers 0
                                                leave the work to `stepwell worker`

SIGTERM and Ctrl-C drain: nothing new is claimed, and what runs may finish within `--drain`.
Settings: see `stepwell config`.";

const WORKER_EXAMPLES: &str = "\
Examples:
  stepwell worker --redis redis://cache
  stepwell worker --redis rediss://:password@cache --queues warehouse,mail --concurrency 16";

const RUN_EXAMPLES: &str = "\
Examples:
  stepwell run order.flow --input '{\"order_id\": \"o1\", \"amount\": 10}'
  stepwell run order.flow --input @order.json --output json
  stepwell run workflows/order-processing.flow --demo --input @order.json
  stepwell run shop.flow --workflow refund --setting refund.pay_url=http://127.0.0.1:9000

Ctrl-C cancels. The exit code is 0 where it completed, else 1.";

const OPENAPI_EXAMPLES: &str = "\
Examples:
  stepwell openapi > openapi.json
  stepwell openapi | jq '.paths | keys'";

const CHECK_EXAMPLES: &str = "\
Examples:
  stepwell check workflows/                     every .flow and .toml file below it
  stepwell check . && git push                  exit code 1 where something is wrong
  stepwell check workflows --watch              again whenever a file changes
  stepwell check order.flow --format json       for a program
  stepwell check workflows --format github      annotations in a pull request
  stepwell check workflows --format sarif > stepwell.sarif
  stepwell check - --stdin-name order.toml < order.toml";

const FMT_EXAMPLES: &str = "\
Examples:
  stepwell fmt workflows/                       every .flow file below it, in place
  stepwell fmt workflows --check                in CI: exit code 1 where a file would change
  stepwell fmt order.flow --diff                what would change of it
  stepwell fmt - < order.flow                   from an editor

There is one form and no option. A file with a syntax error is not changed.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  stepwell explain E0203                        also e0203, E203 or 203
  stepwell explain                              every code with its title
  stepwell explain E0203 --format json          for an editor";

const CONVERT_EXAMPLES: &str = "\
Examples:
  stepwell convert order.toml > order.flow
  stepwell convert order.flow > order.toml      where its steps run in order or as one graph
  stepwell convert - --stdin-name order.toml < order.toml";

const GRAPH_EXAMPLES: &str = "\
Examples:
  stepwell graph order.flow                     Mermaid, for a page in Markdown
  stepwell graph order.flow --format dot | dot -Tsvg > order.svg
  stepwell graph shop.flow --workflow refund
  stepwell graph - --stdin-name order.toml < order.toml";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  stepwell schema > stepwell.schema.json        then, as the first line of a workflow in TOML:
  #:schema ./stepwell.schema.json               for taplo and Even Better TOML";

const TEST_EXAMPLES: &str = "\
Examples:
  stepwell test                                 every test below workflows/
  stepwell test order.flow --filter refund      those of a file whose name holds a word
  stepwell test --coverage --coverage-min 80    and what no test reached
  stepwell test --format junit > tests.xml      for CI
  stepwell test --faults                        each step going wrong, one at a time; needs no test
  stepwell test --from 019b7a3e-4f00-7c11-8f5e-6a2d9b1c0e42 > workflows/order.test.flow
                                                a recorded execution as a test

Tests are `test` blocks in .flow files and in .test.flow files beside them.";

const CONFIG_EXAMPLES: &str = "\
Examples:
  stepwell config                               what is in force in this folder
  stepwell config --format json                 for a program
  STEPWELL_DATABASE__URL=postgres://db/app stepwell config

Settings are read from stepwell.toml, then from variables (STEPWELL_ and the key in
capitals, `__` for its dots), then from flags. Passwords are masked.";

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// Drawn, for people
    #[value(alias = "text")]
    Human,
    /// What the API's compile call gives, by file
    Json,
    /// Workflow commands, which GitHub shows as annotations
    Github,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
}

/// What standard input is called.
#[derive(Debug, Args)]
pub(super) struct StdinName {
    /// What standard input is called in what is said of it; the ending tells the notation
    #[arg(long = "stdin-name", value_name = "FILE", default_value = "stdin.flow")]
    pub name: PathBuf,
}

/// `stepwell check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Files, and folders to look through; `-` is standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    pub paths: Vec<PathBuf>,
    /// How the diagnostics are written
    #[arg(long, value_enum, default_value = "human")]
    pub format: CheckFormat,
    /// Tell of each place too that needs a type and has none
    #[arg(long)]
    pub strict: bool,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub stdin: StdinName,
}

/// `stepwell fmt`.
#[derive(Debug, Args)]
pub(super) struct FmtArgs {
    /// Files, and folders to look through; `-` is from standard input to standard output
    #[arg(value_name = "FILE|DIR|-", default_value = "workflows")]
    pub paths: Vec<PathBuf>,
    /// Write nothing: name the files that would change, with exit code 1 where there are any
    #[arg(long)]
    pub check: bool,
    /// Write nothing: show what would change
    #[arg(long)]
    pub diff: bool,
    #[command(flatten)]
    pub stdin: StdinName,
}

/// How the results of tests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TestFormat {
    /// For people
    Human,
    /// For programs
    Json,
    /// JUnit's XML, for CI
    Junit,
}

/// `stepwell test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Files, and folders to look through
    #[arg(value_name = "FILE|DIR", default_value = "workflows")]
    pub paths: Vec<PathBuf>,
    /// Only the tests whose name holds this; with `--faults`, the workflows
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Say which steps and branches no test reached
    #[arg(long)]
    pub coverage: bool,
    /// Fail where less of a workflow than this is reached, of a hundred
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=100))]
    pub coverage_min: Option<u8>,
    /// How the results are written
    #[arg(long, value_enum, default_value = "human")]
    pub format: TestFormat,
    /// Throw the state away after every event and make it again from its rows, as if the process crashed each time
    #[arg(long)]
    pub crashes: bool,
    /// Run each workflow with each step failing, timing out, and succeeding but lost, one at a time
    #[arg(long)]
    pub faults: bool,
    /// With `--faults`: fail where an effect stands that nothing takes back
    #[arg(long, requires = "faults")]
    pub strict: bool,
    /// Print a recorded execution of a server as a test, credentials masked
    #[arg(long, value_name = "EXECUTION", conflicts_with_all = ["faults", "coverage", "coverage_min", "filter"])]
    pub from: Option<String>,
    /// With `--from`: where the server is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// With `--from`: the token that the server wants
    #[arg(long, requires = "from")]
    pub token: Option<String>,
    /// With `--from`: what the test is called
    #[arg(long, value_name = "TEXT", requires = "from")]
    pub name: Option<String>,
}

/// `stepwell explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The code, as a diagnostic shows it in brackets [default: list all]
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `stepwell convert`.
#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    #[command(flatten)]
    pub stdin: StdinName,
}

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    /// For Markdown, as GitHub and many editors draw it
    Mermaid,
    /// For Graphviz
    Dot,
}

/// `stepwell graph`.
#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// The file of the workflow; `-` is standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    /// Which workflow of the file, where it holds several
    #[arg(long, value_name = "NAME")]
    pub workflow: Option<String>,
    /// How the picture is written
    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: GraphFormat,
    #[command(flatten)]
    pub stdin: StdinName,
}

/// `stepwell serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub settings: ServeSettings,
}

/// `stepwell worker`.
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The Redis that `serve` was given
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// The queues whose tasks are taken, parted by commas; with weights, `fast=3,slow=1` [default: all]
    #[arg(long, value_name = "NAMES")]
    queues: Option<String>,
    /// How many attempts run at once [default: 64]
    #[arg(long, value_name = "N")]
    concurrency: Option<String>,
    /// How long a stop waits for what is running [default: 30s]
    #[arg(long, value_name = "DURATION")]
    drain: Option<String>,
    #[command(flatten)]
    log: LogFlags,
}

/// `stepwell run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The file of the workflow
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which workflow of the file, where it holds several
    #[arg(long, value_name = "NAME")]
    pub workflow: Option<String>,
    /// The input: a JSON object, `@FILE`, or `@-` for standard input
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    pub input: String,
    /// How the result is written; json leaves standard output to it
    #[arg(long, value_enum, default_value = "text")]
    pub output: Format,
    /// Serve the stub endpoints that the examples call; they are the `demo_url` of workflows with such a setting
    #[arg(long)]
    pub demo: bool,
    /// Replace a setting of the workflow; may be given again
    #[arg(long, value_name = "WORKFLOW.KEY=VALUE")]
    setting: Vec<String>,
    #[command(flatten)]
    file_of_settings: ConfigFile,
    #[command(flatten)]
    log: LogFlags,
}

/// `stepwell config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    pub settings: ServeSettings,
    /// How they are written
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// Where the settings are read from.
#[derive(Debug, Default, Args)]
pub(super) struct ConfigFile {
    /// The settings file [default: stepwell.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The flags of the log.
#[derive(Debug, Default, Args)]
pub(super) struct LogFlags {
    /// The lowest level that is logged, or directives such as `info,stepwell::runtime=debug`
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How a line of the log is written: text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Send spans to this collector, over OTLP/HTTP
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
}

/// The flags of `serve`. They are text here: the settings read them, and name what is wrong.
#[derive(Debug, Default, Args)]
pub(super) struct ServeSettings {
    #[command(flatten)]
    file: ConfigFile,
    /// Where the API listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The database: sqlite://FILE or postgres://… [default: sqlite://stepwell.db]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Run the task queue over this Redis [default: a queue in the process]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// The folder of workflow files [default: workflows]
    #[arg(long, value_name = "DIR")]
    workflows: Option<String>,
    /// How many attempts run at once in this process; 0 leaves them to `stepwell worker` [default: 64]
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    /// How long a stop waits for what is running [default: 30s]
    #[arg(long, value_name = "DURATION")]
    drain: Option<String>,
    /// Serve the stub endpoints that the examples call, under /demo; they are the `demo_url` of workflows with such a setting
    #[arg(long)]
    demo: bool,
    /// Replace a setting of a workflow; may be given again
    #[arg(long, value_name = "WORKFLOW.KEY=VALUE")]
    setting: Vec<String>,
    #[command(flatten)]
    log: LogFlags,
}

/// Collects the flags that were given.
#[derive(Default)]
struct Flags(Vec<Flag>);

impl Flags {
    fn add(&mut self, name: &'static str, key: &'static str, value: Option<&String>) {
        self.0.extend(value.map(|value| Flag { name, key, value: value.clone() }));
    }

    fn log(&mut self, flags: &LogFlags) {
        self.add("--log-level", "log.level", flags.log_level.as_ref());
        self.add("--log-format", "log.format", flags.log_format.as_ref());
        self.add("--otlp", "otlp.endpoint", flags.otlp.as_ref());
    }
}

impl ServeSettings {
    /// The settings in force.
    pub fn load(&self) -> Result<Loaded, ConfigErrors> {
        let mut flags = Flags::default();
        flags.add("--listen", "listen", self.listen.as_ref());
        flags.add("--database", "database.url", self.database.as_ref());
        flags.add("--redis", "redis.url", self.redis.as_ref());
        flags.add("--workflows", "workflows", self.workflows.as_ref());
        flags.add("--workers", "workers.concurrency", self.workers.as_ref());
        flags.add("--drain", "drain", self.drain.as_ref());
        flags.add("--demo", "demo", self.demo.then(|| "true".to_owned()).as_ref());
        self.setting.iter().for_each(|setting| flags.add("--setting", "settings", Some(setting)));
        flags.log(&self.log);
        Config::load(&Inputs::of_process(self.file.config.clone(), flags.0))
    }
}

impl WorkerArgs {
    /// The settings in force.
    pub fn load(&self) -> Result<Loaded, ConfigErrors> {
        let mut flags = Flags::default();
        flags.add("--redis", "redis.url", self.redis.as_ref());
        flags.add("--queues", "workers.queues", self.queues.as_ref());
        flags.add("--concurrency", "workers.concurrency", self.concurrency.as_ref());
        flags.add("--drain", "drain", self.drain.as_ref());
        flags.log(&self.log);
        Config::load(&Inputs::of_process(self.file.config.clone(), flags.0))
    }
}

impl RunArgs {
    /// The settings in force.
    pub fn load(&self) -> Result<Loaded, ConfigErrors> {
        let mut flags = Flags::default();
        self.setting.iter().for_each(|setting| flags.add("--setting", "settings", Some(setting)));
        flags.log(&self.log);
        Config::load(&Inputs::of_process(self.file_of_settings.config.clone(), flags.0))
    }
}

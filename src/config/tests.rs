use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::keys::KEYS;
use super::{Config, FILE_NAME, Flag, Inputs, Loaded};

fn inputs(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> (TempDir, Inputs) {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(folder.path().join(FILE_NAME), file).unwrap();
    }
    let inputs = Inputs {
        file: None,
        folder: folder.path().to_owned(),
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|(name, key, value)| Flag { name, key, value: (*value).to_owned() }).collect(),
    };
    (folder, inputs)
}

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> Loaded {
    let (_folder, inputs) = inputs(file, environment, flags);
    Config::load(&inputs).unwrap()
}

/// The errors, with the folder taken out of their places.
fn errors(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> Vec<String> {
    let (folder, inputs) = inputs(file, environment, flags);
    let folder = format!("{}/", folder.path().display());
    Config::load(&inputs).unwrap_err().0.iter().map(|error| error.to_string().replace(&folder, "")).collect()
}

fn value(loaded: &Loaded, key: &str) -> (Json, String) {
    let row = loaded.rows().into_iter().find(|row| row.key == key).unwrap();
    let origin = row.origin.to_string();
    (row.value, origin.rsplit('/').next().unwrap().to_owned())
}

#[test]
fn nothing_given_is_the_defaults() {
    let loaded = load("", &[("PATH", "/bin")], &[]);
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.rows().iter().all(|row| row.origin.to_string() == "default"));
}

#[test]
fn a_flag_is_over_a_variable_is_over_the_file_is_over_the_default() {
    let file = "drain = \"1s\"\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n";
    let loaded =
        load(file, &[("STEPWELL_DRAIN", "2s"), ("STEPWELL_LOG__LEVEL", "debug")], &[("--drain", "drain", "3s")]);
    assert_eq!(value(&loaded, "drain"), (json!("3s"), "--drain".to_owned()));
    assert_eq!(value(&loaded, "log.level"), (json!("debug"), "STEPWELL_LOG__LEVEL".to_owned()));
    assert_eq!(value(&loaded, "listen"), (json!("127.0.0.1:1"), "stepwell.toml:2".to_owned()));
    assert_eq!(value(&loaded, "demo"), (json!(false), "default".to_owned()));
}

#[test]
fn every_mistake_names_itself_its_place_and_the_nearest_key() {
    let file = "listne = \"127.0.0.1:1\"\ndrain = 5\n\n[databse]\nurl = \"x\"\n[database]\nurl = \"mysql://root:pw@db\"\nmax_conections = 3\n";
    let found = errors(file, &[("STEPWELL_DRIAN", "2s"), ("STEPWELL_DEMO", "yes")], &[("--listen", "listen", "8080")]);
    assert_eq!(
        found,
        [
            "stepwell.toml:1: unknown key `listne`\n  help: did you mean `listen`?",
            "stepwell.toml:2: `drain` is a duration, as in `30s` or `1m30s`, not `5`",
            "stepwell.toml:4: unknown key `databse`\n  help: did you mean `database`?",
            "stepwell.toml:7: `database.url` is a URL that begins with `sqlite:` or `postgres:` or `postgresql:`, not `mysql://root:***@db`",
            "stepwell.toml:8: unknown key `database.max_conections`\n  help: did you mean `database.max_connections`?",
            "STEPWELL_DEMO: `demo` is `true` or `false`, not `yes`",
            "STEPWELL_DRIAN: no setting has this variable\n  help: did you mean `STEPWELL_DRAIN`?",
            "--listen: `listen` is an address and a port, as in `127.0.0.1:8080`, not `8080`",
        ]
    );
}

#[test]
fn a_file_that_is_no_toml_says_on_which_line() {
    let found = errors("demo = true\nlisten = \n", &[], &[]);
    assert!(found[0].starts_with("stepwell.toml:2: "), "{found:?}");
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let (folder, mut inputs) = inputs("", &[], &[]);
    inputs.file = Some(folder.path().join("other.toml"));
    assert!(Config::load(&inputs).unwrap_err().to_string().contains("other.toml: can't read it"));
    inputs.file = None;
    inputs.environment.push(("STEPWELL_CONFIG".to_owned(), "/nowhere/x.toml".to_owned()));
    assert!(Config::load(&inputs).unwrap_err().to_string().starts_with("/nowhere/x.toml: can't read it"));
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_are_not_ours() {
    let links = [
        ("STEPWELL_PORT", "tcp://10.0.0.1:8080"),
        ("STEPWELL_SERVICE_HOST", "10.0.0.1"),
        ("STEPWELL_SERVICE_PORT_HTTP", "8080"),
        ("STEPWELL_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("STEPWELL_REDIS_PORT", "tcp://10.0.0.2:6379"),
    ];
    assert_eq!(load("", &links, &[]).config, Config::default());
}

#[test]
fn settings_of_workflows_are_replaced_from_each_source() {
    let file = "[settings.order-processing]\npay_url = \"a\"\ntries = 3\nkeep = [1, 2.5]\n";
    let loaded = load(
        file,
        &[
            ("STEPWELL_SETTINGS", r#"{"order-processing": {"pay_url": "b"}}"#),
            ("STEPWELL_SETTINGS__order-processing__tries", "4"),
        ],
        &[("--setting", "settings", "billing.invoice.region=eu")],
    );
    let expected = json!({
        "billing.invoice": { "region": "eu" },
        "order-processing": { "pay_url": "b", "tries": 4, "keep": [1, 2.5] },
    });
    assert_eq!(Json::Object(loaded.config.settings.to_json()), expected);
    assert_eq!(value(&loaded, "settings.order-processing.keep").1, "stepwell.toml:4");
}

#[test]
fn where_the_demo_is_goes_for_all_workflows_and_what_was_said_of_one_goes_for_it() {
    let mut settings = load("[settings.shop]\ndemo_url = \"mine\"\n", &[], &[]).config.settings;
    settings.demo_url = Some("served".to_owned());
    let expected = json!({ "demo_url": "served", "shop": { "demo_url": "mine" } });
    assert_eq!(Json::Object(settings.to_json()), expected);
}

#[test]
fn a_fault_is_no_setting() {
    assert_eq!(load("", &[("STEPWELL_FAULT", "no-fence")], &[]).config, Config::default());
    assert_eq!(errors("", &[("STEPWELL_FAULTS", "no-fence")], &[]).len(), 1);
}

#[test]
fn a_certificate_without_its_key_and_files_that_are_not_there_are_errors() {
    let found = errors("tls.cert = \"nowhere.pem\"\n", &[], &[]);
    assert_eq!(
        found,
        [
            "stepwell.toml:1: `tls.cert` is set and `tls.key` is not",
            "stepwell.toml:1: `tls.cert` names `nowhere.pem`, which is no file",
        ]
    );
}

#[test]
fn the_tls_settings_of_the_database_go_into_its_url() {
    let loaded = load("database.url = \"postgres://db/x\"\ndatabase.tls = \"require\"\n", &[], &[]);
    assert_eq!(loaded.config.database_url(), "postgres://db/x?sslmode=require");
    let loaded = load("database.tls = \"require\"\n", &[], &[]);
    assert_eq!(loaded.config.database_url(), "sqlite://stepwell.db");
}

#[test]
fn every_key_reads_back_what_it_shows() {
    let mut loaded = Loaded::defaults();
    for key in KEYS {
        let shown = (key.get)(&loaded.config).json(&key.kind);
        let text = match &shown {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            Json::Array(_) => String::new(),
            other => other.to_string(),
        };
        let value =
            key.kind.read(&super::Raw::Loose(text)).unwrap_or_else(|expected| panic!("{}: {expected}", key.name));
        assert!((key.set)(&mut loaded.config, value), "{}", key.name);
    }
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn a_queue_or_weight_that_is_none_names_the_setting_its_place_and_what_it_has_to_be() {
    let loaded = load("workers.queues = [\"fast=3\", \"slow\"]\n", &[], &[]);
    assert_eq!(value(&loaded, "workers.queues"), (json!(["fast=3", "slow"]), "stepwell.toml:1".to_owned()));
    assert_eq!(
        errors("workers.queues = [\"fast=0\"]\n", &[], &[]),
        [
            "stepwell.toml:1: `workers.queues`: `fast=0`: the weight of a queue is a whole number from 1 to 100, as in `fast=3`"
        ]
    );
    let told = errors("", &[], &[("--queues", "workers.queues", "fast=-1,slow")]);
    assert!(told[0].starts_with("--queues: `workers.queues`: `fast=-1`: the weight"), "{told:?}");
    let told = errors("", &[], &[("--queues", "workers.queues", "a b")]);
    assert!(told[0].starts_with("--queues: `workers.queues`: `a b` is no name of a queue: letters"), "{told:?}");
    let told = errors("", &[("STEPWELL_WORKERS__QUEUES", "fast=101")], &[]);
    assert!(told[0].starts_with("STEPWELL_WORKERS__QUEUES: `workers.queues`: `fast=101`: the weight"), "{told:?}");
}

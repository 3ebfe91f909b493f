use super::*;

fn resolve(json: &str, environment: &[(&str, &str)], given: Given) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, json).unwrap();
    let look = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Config::resolve(Given { config: Some(path), ..given }, &look).map_err(|error| error.to_string())
}

fn file(json: &str) -> Config {
    resolve(json, &[], Given::default()).unwrap()
}

#[test]
fn the_originals_file_is_read_as_it_is_and_what_is_missing_has_its_defaults() {
    let original =
        r#"{"tahoe": {"mongo_url": "mongodb://db.example:27017/", "db": "d"}, "cache": {"coll": "file_entries"}, "api": 7}"#;
    assert_eq!(file(original).store, Setting::new("mongodb://db.example:27017/d".into(), Origin::File("tahoe")));
    assert_eq!(file("{}").store, Setting::new("mongodb://localhost:27017/tahoe_db".into(), Origin::Originals));
    let options = r#"{"tahoe": {"mongo_url": "mongodb://me:p%2F@a.example,b.example/?replicaSet=r"}}"#;
    assert_eq!(file(options).store.value, "mongodb://me:p%2F@a.example,b.example/tahoe_db?replicaSet=r");
    // Without a file, the original has no say.
    let config = Config::resolve(Given::default(), &|_| None).unwrap();
    assert_eq!(config.store, Setting::new("sqlite:tahoe.db".into(), Origin::Default));
}

#[test]
fn sections_that_name_another_place_are_refused() {
    for section in ["archive", "analytics"] {
        let same = format!(r#"{{"tahoe": {{}}, "{section}": {{"db": "tahoe_db", "mongo_url": "mongodb://localhost:27017"}}}}"#);
        file(&same);
        for other in [r#""db": "other""#, r#""coll": "other""#, r#""mongo_url": "mongodb://other.example""#] {
            let json = format!(r#"{{"tahoe": {{}}, "{section}": {{{other}}}}}"#);
            assert!(resolve(&json, &[], Given::default()).unwrap_err().contains(section), "{json}");
        }
    }
}

#[test]
fn the_command_line_holds_before_the_environment_and_that_before_the_file() {
    let json = r#"{"runtime": {"workers": 2, "filters": ["a.wasm"], "options": {"f": {"k": "v", "l": "w"}}, "limits": {"f": {"fuel": 7}}}}"#;
    let config = file(json);
    assert_eq!(config.workers, Setting::new(Some(2), Origin::File("runtime")));
    assert_eq!(config.options["f"]["k"], Setting::new(Source::Open("v".into()), Origin::File("runtime")));
    assert_eq!(config.limits["f"]["fuel"].value, 7);
    assert!(config.filters.value[0].is_absolute() && config.filters.value[0].ends_with("a.wasm"), "beside the file");
    let environment = [("RUNTIME_WORKERS", "3"), ("RUNTIME_STORE", "sqlite:e.db"), ("RUNTIME_FILTERS", "b.wasm:c.wasm")];
    let config = resolve(json, &environment, Given::default()).unwrap();
    assert_eq!(config.workers, Setting::new(Some(3), Origin::Environment("RUNTIME_WORKERS".into())));
    assert_eq!(config.filters.value.len(), 2);
    let options = BTreeMap::from([("f".to_owned(), BTreeMap::from([("k".to_owned(), Source::Open("x".into()))]))]);
    let given = Given { store: Some("sqlite:g.db".into()), workers: Some(4), options, ..Given::default() };
    let config = resolve(json, &environment, given).unwrap();
    assert_eq!((config.workers.value, config.store.value.as_str()), (Some(4), "sqlite:g.db"));
    assert_eq!(config.store.origin, Origin::CommandLine);
    // Option by option.
    let value = |key: &str| config.options["f"][key].value.to_string();
    assert_eq!((value("k"), value("l")), ("x".into(), "w".into()));
    let empty = resolve("{}", &[("RUNTIME_STORE", "")], Given::default()).unwrap();
    assert_eq!(empty.store.origin, Origin::Originals, "an empty variable says nothing");
}

#[test]
fn a_lock_is_named_as_filters_are() {
    let json = r#"{"runtime": {"lock": "filters.lock"}}"#;
    let config = file(json);
    let value = config.lock.value.unwrap();
    assert!(value.is_absolute() && value.ends_with("filters.lock"), "beside the file");
    assert_eq!(config.lock.origin, Origin::File("runtime"));
    let environment = [("RUNTIME_LOCK", "e.lock")];
    let config = resolve(json, &environment, Given::default()).unwrap();
    assert_eq!(config.lock, Setting::new(Some("e.lock".into()), Origin::Environment("RUNTIME_LOCK".into())));
    let given = Given { lock: Some("g.lock".into()), ..Given::default() };
    assert_eq!(resolve(json, &environment, given).unwrap().lock, Setting::new(Some("g.lock".into()), Origin::CommandLine));
    assert_eq!(file("{}").lock, Setting::new(None, Origin::Default));
}

#[test]
fn an_option_may_say_where_its_value_lies() {
    let config = file(r#"{"runtime": {"options": {"f": {"a": "on", "b": {"file": "token"}, "c": {"env": "TOKEN"}}}}}"#);
    let value = |key: &str| config.options["f"][key].value.to_string();
    assert_eq!((value("a"), value("c")), ("on".into(), "in the variable TOKEN".into()));
    assert!(value("b").starts_with("in the file /") && value("b").ends_with("/token"), "beside the file: {}", value("b"));
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (json, words) in [
        ("{", "line 1"),
        (r#"{"runtime": {"worker": 2}}"#, "worker"),
        (r#"{"runtime": {"workers": 0}}"#, "from 1 to 64"),
        (r#"{"runtime": {"limits": {"f": {"fuel": -1}}}}"#, "line 1"),
        (r#"{"tahoe": "mongodb://me:secret@h"}"#, "invalid type: text, expected"),
        (r#"{"runtime": {"options": {"f": {"k": {"value": "secret"}}}}}"#, r#"expected a text, {"file": "PATH"} or {"env""#),
        (r#"{"tahoe": {"coll": "other"}}"#, "other"),
        (r#"{"tahoe": {"mongo_url": "mongodb://h/db"}}"#, "names a database"),
    ] {
        let error = resolve(json, &[], Given::default()).unwrap_err();
        assert!(error.contains("config.json") && error.contains(words) && !error.contains("secret"), "{error}");
    }
    assert!(resolve("{}", &[("RUNTIME_WORKERS", "many")], Given::default()).unwrap_err().contains("RUNTIME_WORKERS"));
    let missing = Given { config: Some("/no/such/config.json".into()), ..Given::default() };
    assert!(Config::resolve(missing, &|_| None).unwrap_err().to_string().contains("/no/such/config.json"));
}

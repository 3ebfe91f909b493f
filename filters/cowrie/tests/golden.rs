//! The cowrie filter over its goldens.

use cowrie::FILTER;
use filter_sdk::testing;

#[test]
fn the_descriptor_is_one_that_a_host_takes() {
    assert_eq!(testing::check_descriptor(&FILTER), Vec::<String>::new());
}

#[test]
fn records_become_the_documents_of_the_goldens() {
    for file in ["cowrie.json", "cowrie-filebeat.json"] {
        let path = format!("{}/../../fixtures/cowrie/{file}", env!("CARGO_MANIFEST_DIR"));
        if let Err(difference) = testing::check_goldens(&FILTER, path) {
            panic!("{difference}");
        }
    }
}

#[test]
fn records_become_the_documents_of_the_analytics_module_if_so_chosen() {
    let path = format!("{}/../../fixtures/cowrie/cowrie-cybexp-2021.json", env!("CARGO_MANIFEST_DIR"));
    if let Err(difference) = testing::check_goldens_with(&FILTER, path, &[("compat", "cybexp-2021")]) {
        panic!("{difference}");
    }
}

#[test]
fn every_login_is_one_by_ssh_to_the_analytics_module() {
    let login = r#"{"eventid": "cowrie.login.failed", "session": "a", "username": "u", "password": "p", "protocol": "telnet", "timestamp": "2024-03-09T12:34:56Z"}"#;
    let methods = [("none", "telnet"), ("cybexp-2021", "ssh")];
    for (compat, method) in methods {
        let run = testing::run(&FILTER, &testing::record("cowrie", login), &[("compat", compat)]);
        let shown = run.outcome.map(|answer| testing::summary(&answer).join("\n")).unwrap_or_default();
        assert!(shown.contains(&format!(r#""method":["{method}"]"#)), "{shown}");
    }
}

#[test]
fn of_an_id_of_2015_the_analytics_module_knew_the_session_alone() {
    let login =
        r#"{"eventid": "COW0003", "session": "a", "username": "u", "password": "p", "timestamp": "2015-12-01T10:00:00Z"}"#;
    for (compat, documents) in [("none", 2), ("cybexp-2021", 1)] {
        let run = testing::run(&FILTER, &testing::record("cowrie", login), &[("compat", compat)]);
        let shown = run.outcome.map(|answer| testing::summary(&answer)).unwrap_or_default();
        assert_eq!(shown.len(), documents, "{shown:?}");
        assert!(shown.iter().any(|line| line.starts_with("session cowrie_session")), "{shown:?}");
    }
}

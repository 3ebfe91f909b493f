//! Single records of many versions, and what the filter makes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use cowrie::FILTER;
use filter_sdk::testing::{self, Run};

/// A record with the fields that every event has, and these.
fn run(id: &str, fields: &str) -> Run {
    let data = format!(
        r#"{{"eventid": "{id}", "session": "a1b2", "timestamp": "2024-03-09T12:34:56Z"{}{fields}}}"#,
        if fields.is_empty() { "" } else { ", " }
    );
    testing::run(&FILTER, &testing::record("cowrie", &data), &[])
}

/// The line of the event that came of it.
fn event(id: &str, fields: &str) -> String {
    let answer = run(id, fields).outcome.unwrap();
    assert_eq!(answer.sessions().len(), 1);
    testing::summary(&answer).remove(0)
}

fn reason(id: &str, fields: &str) -> String {
    run(id, fields).outcome.unwrap_err().reason
}

const SESSION_ALONE: &str = r#"session cowrie_session {"sessionid":["a1b2"]}"#;

#[test]
fn ids_of_2015_are_the_same_events() {
    assert_eq!(
        event("COW0003", r#""username": "root", "password": "x""#),
        event("cowrie.login.failed", r#""username": "root", "password": "x""#)
    );
    assert_eq!(event("COW0006", r#""input": "ls""#), event("cowrie.command.failed", r#""input": "ls""#));
    let closed = run("COW0011", "").outcome.unwrap();
    assert!(closed.sessions().iter().all(|session| session.end_time.is_some() && session.duration.is_none()));
}

#[test]
fn an_unknown_id_leaves_its_session_and_one_warning() {
    let run = run("KIPP0003", r#""username": "root""#);
    assert_eq!(testing::summary(&run.outcome.unwrap()), [SESSION_ALONE]);
    assert_eq!(run.log.len(), 1);
    assert!(run.log.iter().all(|(_, line)| line.contains("KIPP0003")));
}

#[test]
fn a_known_id_without_a_mapping_leaves_its_session_and_no_warning() {
    for id in ["cowrie.session.params", "cowrie.direct-tcpip.tunnel", "cowrie.virustotal.scanfile", "COW0012"] {
        let run = run(id, r#""scans": {"a.b": {"detected": "true"}}"#);
        assert_eq!(testing::summary(&run.outcome.unwrap()), [SESSION_ALONE]);
        assert!(run.log.is_empty());
    }
}

#[test]
fn durations_of_all_versions_are_seconds() {
    for (fields, expected) in [
        (r#""duration": 1"#, 1.0),
        (r#""duration": 0.0015184879302978516"#, 0.001_518_487_930_297_851_6),
        (r#""duration": "12.3""#, 12.3),
        (r#""duration_ms": 12345, "duration": "99""#, 12.345),
        (r#""duration_ms": "1500""#, 1.5),
        (r#""duration": -0.0"#, 0.0),
    ] {
        let answer = run("cowrie.session.closed", fields).outcome.unwrap();
        assert_eq!(answer.sessions().iter().map(|session| session.duration).collect::<Vec<_>>(), [Some(expected)], "{fields}");
    }
    for fields in [
        r#""duration": "x""#,
        r#""duration": "nan""#,
        r#""duration": "1e999""#,
        r#""duration": -1"#,
        r#""duration": []"#,
        r#""duration_ms": true"#,
    ] {
        assert!(reason("cowrie.session.closed", fields).contains("duration"), "{fields}");
    }
}

#[test]
fn a_key_login_keeps_the_key_and_not_the_mark_of_tpot() {
    let fields = r#""username": "root", "fingerprint": "aa:bb", "key": "ssh-rsa AAAA", "type": "Cowrie""#;
    assert_eq!(
        event("cowrie.login.success", fields),
        r#"event login {"credential":[{"fingerprint":["aa:bb"],"public_key":["ssh-rsa AAAA"],"username":["root"]}],"method":["ssh"],"success":[true]}"#
    );
}

#[test]
fn a_user_name_of_digits_is_text_whichever_way_it_came() {
    assert_eq!(
        event("cowrie.login.failed", r#""username": 123, "password": 456"#),
        event("cowrie.login.failed", r#""username": "123", "password": "456""#)
    );
}

#[test]
fn text_of_an_attacker_is_taken_as_it_is() {
    let fields = r#""username": "\u0000\u001b[31m", "password": "GET / HTTP/1.1\r\nHost: x\ud83d\ude00\ufffd""#;
    let line = event("cowrie.login.failed", fields);
    assert!(line.contains(r#""password":["GET / HTTP/1.1\r\nHost: x😀�"],"username":["\u0000\u001b[31m"]"#), "{line}");
    let long = "\\u0000".repeat(200_000);
    assert!(run("cowrie.command.input", &format!(r#""input": "{long}""#)).outcome.is_ok());
}

#[test]
fn a_mangled_field_rejects_its_record_with_the_name() {
    assert_eq!(reason("cowrie.login.failed", r#""username": {"a": 1}"#), "expected `username` to be text, found an object");
    assert_eq!(
        reason("cowrie.login.failed", r#""username": "x", "password": ["y"]"#),
        "expected `password` to be text, found a list"
    );
    assert_eq!(reason("cowrie.command.input", r#""input": null"#), "expected `input`, which is absent or null");
    assert_eq!(reason("cowrie.direct-tcpip.request", r#""dst_ip": "192.0.2.1""#), "expected `dst_port`, which is absent or null");
}

#[test]
fn a_record_without_a_session_is_rejected() {
    for session in ["null", r#""""#, r#"" ""#, "[]"] {
        let data = format!(r#"{{"eventid": "cowrie.x", "timestamp": "2024-03-09T12:34:56Z", "session": {session}}}"#);
        assert!(testing::run(&FILTER, &testing::record("cowrie", &data), &[]).outcome.is_err(), "{session}");
    }
}

#[test]
fn the_port_of_the_peer_is_not_the_one_that_the_client_claims() {
    let since_3_0_6 = r#""dst_ip": "192.0.2.1", "dst_port": "25", "src_port": 5555, "orig_ip": "::1", "orig_port": 0"#;
    assert!(event("cowrie.direct-tcpip.request", since_3_0_6).ends_with(r#""src":[{"ipv6":["::1"]}]}"#));
    let before = r#""dst_ip": "192.0.2.1", "dst_port": 25, "src_port": 40000"#;
    assert!(event("cowrie.direct-tcpip.request", before).ends_with(r#""src":[{"port":[40000]}]}"#));
}

#[test]
fn nothing_known_of_the_source_is_no_source() {
    let line = event(
        "cowrie.direct-tcpip.request",
        r#""dst_ip": "mail.example.com", "dst_port": 25, "src_port": "0", "orig_ip": null, "sensor": """#,
    );
    assert_eq!(line, r#"event network_traffic {"dst":[{"hostname":["mail.example.com"],"port":[25]}],"protocol":["TCP"]}"#);
}

#[test]
fn a_fingerprint_of_traffic_may_lack_the_target() {
    assert_eq!(
        event("cowrie.direct-tcpip.ja4", r#""ja4": "t13d""#),
        r#"event network_traffic {"ja4":["t13d"],"protocol":["TCP"]}"#
    );
}

#[test]
fn a_download_without_anything_known_of_the_file_has_none() {
    let line = event("cowrie.session.file_download.failed", r#""url": "http://example.com", "shasum": "aa", "error": "x""#);
    assert_eq!(line, r#"event file_download {"success":[false],"url":["http://example.com"]}"#);
    assert_eq!(
        event("cowrie.session.file_download", r#""url": "stdin", "destfile": "/tmp/""#),
        r#"event file_download {"success":[true]}"#
    );
}

#[test]
fn an_upload_needs_no_text_for_people() {
    for message in ["[]", "null", r#""""#, r#""Saved SFTP file""#] {
        let line =
            event("cowrie.session.file_upload", &format!(r#""filename": "x.sh", "url": "/tmp/x.sh", "message": {message}"#));
        assert_eq!(line, r#"event file_upload {"file":[{"filename":["x.sh"]}]}"#);
    }
}

#[test]
fn algorithms_lose_what_implementers_appended_but_compressions_do_not() {
    let fields = r#""hassh": "ab", "encCS": ["b'aes128-ctr'", "aes128-gcm@openssh.com"], "compCS": ["zlib@openssh.com"], "kexAlgs": [""], "keyAlgs": null"#;
    assert_eq!(
        event("cowrie.client.kex", fields),
        r#"event ssh {"ssh_key_exchange":[{"comp_algo":["zlib@openssh.com"],"encr_algo":["aes128-ctr","aes128-gcm"],"hassh":["ab"]}]}"#
    );
}

#[test]
fn a_flood_of_algorithms_is_cut_and_logged() {
    for count in [1_000, 6_000, 20_000] {
        let names: Vec<String> = (0..count).map(|number| format!("\"{number}\"")).collect();
        let run = run("cowrie.client.kex", &format!(r#""hassh": "ab", "src_ip": "192.0.2.1", "compCS": [{}]"#, names.join(",")));
        assert_eq!(run.outcome.unwrap().events().len(), 1);
        assert_eq!(run.log.len(), 1, "{count}");
    }
}

#[test]
fn the_fields_of_tpot_are_the_same_target() {
    assert_eq!(
        event(
            "cowrie.direct-tcpip.data",
            r#""dest_ip": "192.0.2.1", "dest_port": 80, "data": "b'x'", "id": "4", "geoip": {"a": {"b": 1}}"#
        ),
        event("cowrie.direct-tcpip.data", r#""dst_ip": "192.0.2.1", "dst_port": "80", "data": "b'x'""#)
    );
}

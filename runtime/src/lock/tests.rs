use std::fs;

use super::*;

const DIGEST: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn text() -> String {
    format!(
        r#"version = 1
salt = "00112233445566778899aabbccddeeff"
[filter.sample]
id = "00000000-0000-4000-8000-000000000001"
version = "1.0.0"
sha256 = "{DIGEST}"
contract = "cybexp:tahoe/filter@0.1.0"
profile = "pure"
reads = ["cowrie"]
asserts = []
[filter.sample.emits]
attribute = ["ipv4", "url"]
[filter.sample.options]
mode = "on"
[filter.sample.secrets]
token = "{DIGEST}"
[filter.sample.limits]
depth = 4
fuel = "50 + 1 per byte"
"#
    )
}

fn read(text: impl AsRef<[u8]>) -> Result<Lock, LockError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filters.lock");
    fs::write(&path, text).unwrap();
    Lock::read(&path)
}

#[test]
fn what_is_written_is_read_again_and_written_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filters.lock");
    let lock = read(text()).unwrap();
    lock.write(&path).unwrap();
    assert_eq!(Lock::read(&path).unwrap(), lock);
    let first = fs::read(&path).unwrap();
    Lock::read(&path).unwrap().write(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first);
}

#[test]
fn every_field_is_compared_and_told_by_its_name() {
    let lock = read(text()).unwrap();
    let drift = |from: &str, to: &str| {
        let changed = text().replace(from, to);
        assert_ne!(changed, text(), "{from}");
        let drifts = lock.drift(&read(changed).unwrap());
        assert_eq!(drifts.len(), 1, "{from}");
        drifts[0].to_string()
    };
    let other = DIGEST.replace('2', "3");
    for (from, to, told) in [
        ("-000000000001", "-000000000002", "id: 00000000-0000-4000-8000-000000000001 → 00000000-0000-4000-8000-000000000002"),
        ("version = \"1.0.0\"", "version = \"1.0.1\"", "version: 1.0.0 → 1.0.1"),
        ("filter@0.1.0", "filter@0.2.0", "contract: cybexp:tahoe/filter@0.1.0 → cybexp:tahoe/filter@0.2.0"),
        ("\"pure\"", "\"wasi\"", "profile: pure → wasi"),
        ("\"cowrie\"", "\"cowrie\", \"email\"", "reads email: absent → declared"),
        ("asserts = []", "asserts = [\"malicious\"]", "asserts malicious: absent → declared"),
        ("\"ipv4\", ", "", "emits attribute ipv4: declared → absent"),
        ("\"on\"", "\"\"", "option mode: \"on\" → \"\""),
        ("depth = 4", "depth = 5", "limit depth: 4 → 5"),
        ("50 + 1", "51 + 1", "limit fuel: 50 + 1 per byte → 51 + 1 per byte"),
    ] {
        assert_eq!(drift(from, to), format!("sample:\n  {told}"));
    }
    assert!(drift(&format!("sha256 = \"{DIGEST}"), &format!("sha256 = \"{other}")).contains(&format!("{DIGEST} → {other}")));
    assert!(drift(&format!("token = \"{DIGEST}"), &format!("token = \"{other}")).contains("option token: a secret with digest"));
    assert_eq!(lock.drift(&lock), []);
}

#[test]
fn a_filter_on_one_side_only_is_told() {
    let (none, one) = (read("version = 1").unwrap(), read(text()).unwrap());
    assert_eq!(none.drift(&one)[0].what, What::Added);
    assert_eq!(one.drift(&none)[0].what, What::Removed);
    assert!(one.drift(&none)[0].to_string().contains("sample: is in the lock"));
}

#[test]
fn names_and_values_of_others_are_escaped_for_people() {
    let lock = read(text()).unwrap();
    let hostile = read(text().replace("\"on\"", "\"\\u001b[2J\"").replace("\"url\"", "\"a\\nb\"")).unwrap();
    let told = lock.drift(&hostile)[0].to_string();
    assert!(!told.contains('\u{1b}') && told.contains("a\\nb"), "{told}");
}

#[test]
fn a_file_that_cannot_hold_is_refused_in_words() {
    for (text, words) in [
        (String::new(), "damaged: line 1: missing field `version`"),
        ("version = 1\n[filter".to_owned(), "damaged: line 2"),
        ("version = 2\nanything = 1".to_owned(), "has version 2, this program knows version 1"),
        ("version = \"one\"".to_owned(), "damaged: line 1"),
        ("version = 1\nfilters = 1".to_owned(), "unknown field `filters`"),
        (text().replace("profile = \"pure\"\n", ""), "missing field `profile`"),
        (text().replace("sha256 = \"2", "sha256 = \""), "a hash is 64 hexadecimal digits"),
        (format!("version = 1\nx = {}", "[".repeat(100_000)), "damaged"),
        (" ".repeat(9 << 20), "it has more than 8388608 bytes"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("filters.lock") && error.contains(words) && error.len() < 1000, "{words}: {error}");
    }
    assert!(read(b"\xff").unwrap_err().to_string().contains("utf-8"));
    let missing = Lock::read(std::path::Path::new("/no/such.lock")).unwrap_err();
    assert!(matches!(missing, LockError::Missing(_)) && missing.to_string().contains("runtime lock --filters"));
    assert!(Lock::read(std::path::Path::new("/")).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn every_limit_is_in_a_lock() {
    let amounts = amounts(&Limits::PURE);
    assert_eq!(amounts["fuel"], Amount::Growing("50000000 + 500 per byte".to_owned()));
    assert_eq!(amounts["nodes"], Amount::Growing("256 + 1 per 8 bytes".to_owned()));
    assert_eq!(amounts["children"], Amount::Fixed(4096));
    for (name, _) in Limits::OVERRIDABLE {
        let changed = super::amounts(&Limits::PURE.with(name, 1).unwrap());
        assert_ne!(changed, amounts, "{name}");
    }
}

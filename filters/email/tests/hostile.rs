//! Arbitrary and mangled messages: nothing panics, and no answer is one that the host would refuse.
#![expect(clippy::unwrap_used, reason = "tests")]

use email::FILTER;
use filter_sdk::testing;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn goldens() -> Vec<String> {
    let path = format!("{}/../../fixtures/email/email.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    cases.iter().map(|case| case.pointer("/raw/data/data").unwrap().as_str().unwrap().to_owned()).collect()
}

fn check(data: &str) {
    // Panics if the answer is one that the host would refuse.
    testing::run(&FILTER, &testing::record("email", data), &[]);
}

fn check_message(message: &str) {
    check(&json!({ "data": message }).to_string());
    let bytes: String = message.bytes().map(char::from).collect();
    check(&json!({ "data": bytes, "encoding": "latin-1" }).to_string());
}

/// Lines that mean something to a reader of mail.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "--b",
            "--b--",
            "--c",
            "Content-Type: multipart/mixed; boundary=b",
            "Content-Type: multipart/digest; boundary=c",
            "Content-Type: multipart/alternative; boundary=\"\"",
            "Content-Type: message/rfc822",
            "Content-Type: text/html; charset=utf-7",
            "Content-Type: /",
            "Content-Disposition: attachment; filename*0*=x''%; filename*1=",
            "Content-Transfer-Encoding: base64",
            "Content-Transfer-Encoding: quoted-printable",
            "=",
            "=?utf-8?Q?=",
            "From: :;,<>@()\"",
            "To: a:b@c;d:e",
            "Date: 0 -0000",
            "Received: from [ (",
            "X-Originating-IP: [IPv6:",
            "Received-SPF: client-ip=",
            "Subject: =?x?b?====?=",
            " folded",
            "\t",
            ":",
        ])
        .prop_map(str::to_owned),
        ".{0,60}",
        "(From|To|Cc|Reply-To|Subject|Date|Content-Type): .{0,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_records_are_survived(data in ".*") {
        check(&data);
    }

    #[test]
    fn arbitrary_lines_are_survived(lines in prop::collection::vec(line(), 0..40), end in select(vec!["\n", "\r\n", "\r"])) {
        check_message(&lines.join(end));
    }

    #[test]
    fn messages_with_characters_replaced_are_survived(
        message in select(goldens()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text: Vec<char> = message.chars().collect();
        for (place, c) in changes {
            *place.get_mut(&mut text) = c;
        }
        check_message(&text[..cut.index(text.len())].iter().collect::<String>());
        check_message(&text.into_iter().collect::<String>());
    }
}

#[test]
fn deep_and_long_messages_are_survived() {
    let nested: String = (0..1_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    check_message(&format!("Subject: s\n{nested}\n\nx"));
    check_message(&format!("Subject: s\n{}x", "Content-Type: (x) message/global\n\n".repeat(10_000)));
    check_message(&format!("Subject: s\n{}\nx", "X-Header: value\n".repeat(20_000)));
    check_message(&format!("Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(20_000)));
    check_message(&format!("Subject: {}\n\nx", "=?utf-8?Q?a?= ".repeat(20_000)));
    check_message(&format!("To: {}\n\nx", "(((((((<<<<".repeat(5_000)));
}

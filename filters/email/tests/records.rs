//! Single messages, and what the filter makes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use email::FILTER;
use filter_sdk::testing::{self, Run};
use serde_json::{Value, json};

fn run(data: &Value) -> Run {
    testing::run(&FILTER, &testing::record("email", &data.to_string()), &[])
}

/// The data of the message's event.
fn event(message: &str) -> Value {
    let lines = testing::summary(&run(&json!({ "data": message })).outcome.unwrap());
    let [line] = lines.as_slice() else { return Value::Null };
    serde_json::from_str(line.strip_prefix("event email ").unwrap()).unwrap()
}

/// The data of a message in bytes that are no UTF-8.
fn event_of_bytes(message: &[u8]) -> Value {
    let text: String = message.iter().map(|byte| char::from(*byte)).collect();
    let lines = testing::summary(&run(&json!({ "data": text, "encoding": "latin-1" })).outcome.unwrap());
    serde_json::from_str(lines.first().unwrap().strip_prefix("event email ").unwrap()).unwrap()
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

#[test]
fn mailboxes_are_split_before_they_are_decoded() {
    let event = event(
        "From: =?utf-8?Q?Doe=2C_Jane?= <jane@a.example>, joe@b.example\nTo: \"Last, First\" <x@c.example>, Team: y@c.example;\n\nhi\n",
    );
    assert_eq!(at(&event, "/from/0/name/0"), "Doe, Jane");
    assert_eq!(at(&event, "/from/1/email_addr/0"), "joe@b.example");
    assert_eq!((at(&event, "/dst/0/name/0"), at(&event, "/dst/1/email_addr/0")), (&json!("Last, First"), &json!("y@c.example")));
}

#[test]
fn a_sender_is_not_lost_for_want_of_a_name_or_of_anything_else() {
    assert_eq!(event("X-Sender-IP: 192.0.2.1\n\n"), json!({"from": [{"ipv4": ["192.0.2.1"]}]}));
    assert_eq!(
        event("From: a@b.example\nX-Sender-IP: [IPv6:2001:db8::1]\n\n"),
        json!({"from": [{"email_addr": ["a@b.example"], "ipv6": ["2001:db8::1"]}]})
    );
    assert_eq!(event("To: undisclosed-recipients:;\n\n"), Value::Null, "nothing to be had is done, with nothing");
}

#[test]
fn of_headers_that_should_be_single_the_first_counts() {
    let event = event("Subject: one\nSubject: two\nFrom: a@b.example\nFrom: c@d.example\n\n");
    assert_eq!(
        (at(&event, "/subject/0"), at(&event, "/from/0/email_addr/0"), at(&event, "/from/1")),
        (&json!("one"), &json!("a@b.example"), &Value::Null)
    );
}

#[test]
fn what_mailboxes_and_editors_put_before_a_message_is_passed() {
    for before in ["\u{feff}", "\r\n\r\n", "From a@b.example Sat Mar  9 10:00:00 2024\r\n", "\u{feff}\nFrom x\n"] {
        assert_eq!(at(&event(&format!("{before}Subject: s\r\n\r\nhi\r\nthere\r\n")), "/body/0"), "hi\nthere", "{before:?}");
    }
}

#[test]
fn text_is_read_in_the_character_set_that_it_is_in() {
    let message =
        |charset: &str, body: &[u8]| [format!("Subject: s\nContent-Type: text/plain{charset}\n\n").as_bytes(), body].concat();
    for (charset, body, expected) in [
        ("; charset=iso-8859-1", &b"caf\xe9"[..], "café"),
        ("; charset=utf-8", b"caf\xe9", "café"),
        ("", b"caf\xe9", "café"),
        ("; charset=no-such-set", b"caf\xe9", "café"),
        ("; charset=gbk", b"\xc4\xe3\xba\xc3", "你好"),
        ("; charset=koi8-r", b"\xf0\xd2\xc9", "При"),
        ("; charset=utf-8", "café".as_bytes(), "café"),
    ] {
        assert_eq!(at(&event_of_bytes(&message(charset, body)), "/body/0"), expected, "{charset}");
    }
    assert_eq!(at(&event_of_bytes(b"Subject: caf\xe9\n\n"), "/subject/0"), "café");
}

#[test]
fn a_message_inside_is_one_file_and_is_not_opened() {
    let inner = "From: z@z.example\nSubject: inner\n\ninner body\n";
    let outer = format!(
        "Subject: outer\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nouter body\n--b\nContent-Type: message/rfc822\n\n{inner}--b--\n"
    );
    let event = event(&outer);
    assert_eq!((at(&event, "/subject/0"), at(&event, "/body/0")), (&json!("outer"), &json!("outer body")));
    assert_eq!((at(&event, "/file/0/mime_type/0"), at(&event, "/file/1")), (&json!("message/rfc822"), &Value::Null));
    assert_eq!(at(&event, "/file/0/size/0"), inner.len() - 1);
    let digest = "Subject: s\nContent-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nx\n--b--\n";
    assert_eq!(at(&self::event(digest), "/file/0/mime_type/0"), "message/rfc822");
}

#[test]
fn what_is_broken_is_read_as_far_as_it_goes() {
    let multipart = "Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n";
    // No end, no parts, no boundary at all.
    assert_eq!(at(&event(&format!("{multipart}--b\nContent-Type: text/html\n\n<p>x</p>")), "/body/0"), "<p>x</p>");
    assert_eq!(at(&event(&format!("{multipart}just text\n")), "/body/0"), "just text");
    assert_eq!(at(&event("Subject: s\nContent-Type: multipart/mixed\n\njust text\n"), "/body/0"), "just text");
    // Transfer encodings that lie.
    let base64 = "Subject: s\nContent-Transfer-Encoding: base64\n\nSGVs!bG8g\nV29y*bGQ\n";
    assert_eq!(at(&event(base64), "/body/0"), "Hello World");
    let quoted = "Subject: s\nContent-Transfer-Encoding: quoted-printable\n\n100 %=ZZ\n";
    assert!(at(&event(quoted), "/body/0").as_str().unwrap().contains("100 %"));
}

#[test]
fn files_have_names_in_every_way_of_writing_them() {
    for (header, expected) in [
        ("Content-Type: application/pdf; name=\"a.pdf\"", "a.pdf"),
        ("Content-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''%E2%82%AC.pdf", "€.pdf"),
        ("Content-Type: application/pdf\nContent-Disposition: attachment; filename*0=\"long\"; filename*1=\".pdf\"", "long.pdf"),
        ("Content-Type: text/plain\nContent-Disposition: attachment; filename=\"=?utf-8?B?4oKsLnR4dA==?=\"", "€.txt"),
        ("Content-Type: text/html; name=x.html", "x.html"),
    ] {
        let message =
            format!("Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\n{header}\n\nx\n--b--\n");
        assert_eq!(at(&event(&message), "/file/0/filename/0"), expected, "{header}");
    }
}

#[test]
fn parameters_glued_to_a_type_are_no_part_of_it() {
    let message = "Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\nContent-Type: application/pdf name=\"a.pdf\"\n\nx\n--b--\n";
    assert_eq!(at(&event(message), "/file/0/mime_type/0"), "application/pdf");
}

#[test]
fn what_is_no_message_is_rejected_with_the_reason() {
    for (data, words) in [
        (json!({ "data": "" }), "no header field"),
        (json!({ "data": "hello world" }), "no header field"),
        (json!({ "data": "<p>see http://a.example</p>\\nand more" }), "no header field"),
        (json!({ "data": "Subject: s\n\n", "encoding": "utf-7" }), "expected the encoding latin-1"),
        (json!({ "data": "Subject: €\n\n", "encoding": "latin-1" }), "below U+0100"),
        (json!({ "text": "x" }), "`data`"),
        (json!({ "data": format!("Subject: s\n{}", "\n--b\n".repeat(100_001)) }), "100001"),
    ] {
        let reason = run(&data).outcome.unwrap_err().reason;
        assert!(reason.contains(words), "{data}: {reason}");
    }
}

#[test]
fn more_mailboxes_than_the_archive_takes_are_cut_and_logged() {
    let many: Vec<String> = (0..10_000).map(|n| format!("a{n}@b.example")).collect();
    let run = run(&json!({ "data": format!("Subject: s\nTo: {}\n\nbody\n", many.join(", ")) }));
    let answer = run.outcome.unwrap();
    assert_eq!((answer.events().len(), run.log.len()), (1, 1));
    assert!(answer.events().iter().all(|event| event.children.len() <= 4_096));
}

#[test]
fn few_short_mailboxes_of_a_short_message_are_cut_to_what_the_archive_takes() {
    for count in [100, 500, 2_000] {
        let many: Vec<String> = (0..count).map(|n| format!("{n:x}@b")).collect();
        assert!(run(&json!({ "data": format!("To: {}\n\n", many.join(",")) })).outcome.is_ok(), "{count}");
    }
}

#[test]
fn a_body_that_is_too_long_for_a_document_is_cut_and_logged() {
    // Letters that take six bytes each where they are written out.
    let run = run(&json!({ "data": format!("Subject: s\n\n{}\n", "я".repeat(3_000_000)) }));
    assert_eq!((run.outcome.unwrap().events().len(), run.log.len()), (1, 1));
}

#[test]
fn messages_inside_are_not_opened_whatever_stands_before_their_type() {
    for kind in ["message/rfc822", "(comment) message/rfc822", "\n message/rfc822", "Message/Global"] {
        let message = format!("Subject: s\nContent-Type: {kind}\n\nSubject: inner\n\nbody\n");
        let event = event(&message);
        assert_eq!(at(&event, "/file/0/size/0"), 21, "{kind}: {event}");
        assert!(at(&event, "/file/0/mime_type/0").as_str().unwrap().starts_with("message/"), "{event}");
    }
}

#[test]
fn what_makes_a_parser_slow_costs_no_more_than_itself() {
    // Parts whose boundary never comes, parameters in pieces, encoded words without an end: a few are read as ever, of many
    // the rest as text.
    let head = "From: a@example.test\nSubject: =?utf-8?q?caf=C3=A9?=\n";
    let siblings = |n: usize| -> String {
        let part = |n| format!("--b\nContent-Type: multipart/mixed; boundary=zz{n}\n\nx\n");
        format!("{head}Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", (0..n).map(part).collect::<String>())
    };
    let pieces: String = (0..20_000).map(|n| format!(";\n name*{n}=x")).collect();
    let words = format!("{head}X-Words: {}\n\nbody\n", "=?aa?q?a ".repeat(20_000));
    for message in [siblings(3), siblings(2_000), format!("{head}Content-Type: text/plain{pieces}\n\nbody\n"), words] {
        let record = testing::record("email", &json!({ "data": message }).to_string());
        let summary = testing::summary(&testing::run(&FILTER, &record, &[]).outcome.unwrap()).join("\n");
        assert!(summary.contains("a@example.test") && summary.contains("caf\u{e9}"), "{summary}");
    }
}

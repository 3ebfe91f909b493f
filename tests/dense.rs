//! Records made to cost a filter more than they are long: each is settled within its fuel and memory.

use serde_json::{Value, json};

use crate::support::{Archive, filter};

fn settled(sub_type: &str, texts: &[(&str, String)]) {
    let archive = Archive::new();
    let records: String = texts.iter().map(|(_, text)| format!("{}\n", json!({ "data": text }))).collect();
    let file = archive.file("records.jsonl", records);
    archive.ingest(&file, sub_type, "org", &["--format", "jsonl", "--received-at", "1800000000"]).expect(0);
    let summary = archive.run(&[filter(sub_type)], &[]).expect(0).json();
    assert_eq!(summary["filters"][0]["failed"], Value::from(0), "{summary}");
    assert_eq!(summary["filters"][0]["attempts"], texts.len(), "{summary}");
}

#[test]
fn mails_that_make_a_parser_look_for_what_never_comes_are_settled() {
    let head = "From: a@example.test\nSubject: s\n";
    let part = |n| format!("--b\nContent-Type: multipart/mixed; boundary=zz{n}\n\nx\n");
    let siblings: String = (0..20_000).map(part).collect();
    let repeated = |n: usize, piece: &dyn Fn(usize) -> String| (0..n).map(piece).collect::<String>();
    settled(
        "email",
        &[
            ("siblings", format!("{head}Content-Type: multipart/mixed; boundary=b\n\n{siblings}")),
            ("pieces", format!("{head}Content-Type: a/b{}\n\nx", repeated(40_000, &|n| format!("; name*{n}=x")))),
            ("languages", format!("{head}Content-Type: a/b{}\n\nx", repeated(40_000, &|n| format!("; n{n}*=utf-8'x'y")))),
            ("names", format!("{head}Content-Type: a/b{}\n\nx", repeated(40_000, &|n| format!("; n{n}*1=x")))),
            ("words", format!("{head}X: {}\n\nx", "=?aa?q?a ".repeat(200_000))),
            ("nested", format!("{head}{}", "Content-Type: message/rfc822\n\n".repeat(20_000))),
        ],
    );
}

#[test]
fn feeds_of_entries_that_are_as_short_as_can_be_are_settled() {
    let rows = |head: &str, row: &dyn Fn(usize) -> String| head.to_owned() + &(0..40_000).map(row).collect::<String>();
    let alike = "a".repeat(40);
    for kind in ["openphish_feed", "phishtank_feed"] {
        settled(
            kind,
            &[
                ("lines", rows("", &|n| format!("a://{n}\n"))),
                ("lines that begin alike", rows("", &|n| format!("http://{alike}.example/{:08}\n", n * 7919 % 250_000))),
                ("lines that are no URL", rows("a://x\n", &|_| "x\n".to_owned())),
                ("rows", rows("url,submission_time\n", &|n| format!("a://{n},2024-03-09T10:00:00\n"))),
                ("rows that are no entry", rows("url,submission_time\n", &|_| "a,x\n".to_owned())),
                ("quotes", rows("url,submission_time\n", &|_| "\"\n".to_owned())),
                ("objects", rows("[{}", &|n| format!(r#",{{"url":"a://{n}","asn":1,"ip":"::","brand":1}}"#))),
                ("objects without an end", rows("", &|_| "{\n".to_owned())),
            ],
        );
    }
}

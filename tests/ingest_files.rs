//! What `ingest` makes of files as they lie about: packed, in folders, mailboxes, feeds longer than a record.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Archive, runtime};

/// The most bytes of a feed that are one record: part of what identifies records, so it never changes.
const PART: usize = 7 * 1024 * 1024;

const AT: [&str; 2] = ["--received-at", "1767225600"];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Archives one file; returns the archive and what was said.
#[track_caller]
fn ingest(name: &str, content: impl AsRef<[u8]>, sub_type: &str, more: &[&str], code: i32) -> (Archive, String) {
    let archive = Archive::new();
    let file = archive.file(name, content);
    let ended = archive.ingest(&file, sub_type, "org", &[&AT, more].concat()).expect(code);
    (archive, ended.err)
}

/// The texts of all records.
fn texts(archive: &Archive) -> Vec<String> {
    let text = |document: &Value| document["data"]["data"].as_str().unwrap().to_owned();
    archive.documents().iter().map(text).collect()
}

/// The original bytes of a record's text.
fn bytes(document: &Value) -> Vec<u8> {
    let text = document["data"]["data"].as_str().unwrap();
    match document["data"]["encoding"].as_str() {
        None => text.as_bytes().to_vec(),
        Some(encoding) => {
            assert_eq!(encoding, "latin-1");
            text.chars().map(|character| u8::try_from(character).unwrap()).collect()
        }
    }
}

fn urls(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("http://host{}.example.com/login/{}\n", i % 977, i.wrapping_mul(2_654_435_761))).collect()
}

#[test]
fn a_packed_feed_gives_the_records_of_the_plain_one_whatever_it_is_called() {
    for feed in [urls(20).concat(), urls(250_000).concat()] {
        let (plain, _) = ingest("feed.txt", &feed, "openphish_feed", &[], 0);
        let (expected, halves) = (plain.export(), feed.as_bytes().split_at(feed.len() / 2));
        let packed: [(&str, Vec<u8>); 4] = [
            ("feed.txt.gz", gzip(feed.as_bytes())),
            ("feed.txt.bz2", bzip2(feed.as_bytes())),
            ("feed.txt", [gzip(halves.0), gzip(halves.1)].concat()),
            ("feed.gz", [bzip2(halves.0), bzip2(halves.1)].concat()),
        ];
        for (name, content) in packed {
            for format in ["auto", "text"] {
                let (archive, _) = ingest(name, &content, "openphish_feed", &["--format", format], 0);
                assert!(archive.export() == expected, "{name} as {format}");
            }
        }
    }
}

#[test]
fn packed_lines_arrays_and_mails_are_read_as_plain_ones_are() {
    for (text, sub_type, records) in [
        ("{\"a\":1}\n{\"a\":2}\n", "cowrie", 2),
        ("[{\"a\":1},{\"a\":2}]", "cowrie", 2),
        ("From a\n1\n\nFrom b\n2\n", "email", 2),
    ] {
        let (archive, _) = ingest("in", gzip(text.as_bytes()), sub_type, &[], 0);
        assert_eq!(archive.documents().len(), records, "{text}");
    }
}

#[test]
fn a_bomb_is_refused_and_the_other_files_go_in() {
    for bomb in [gzip(&vec![b'\n'; 100 << 20]), bzip2(&vec![0; 100 << 20])] {
        for (sub_type, format) in [("cowrie", "jsonl"), ("openphish", "auto"), ("email", "mbox")] {
            let archive = Archive::new();
            let folder = archive.path("in");
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("bomb"), &bomb).unwrap();
            std::fs::write(folder.join("good"), "{\"a\":1}").unwrap();
            let ended = archive.ingest(&folder, sub_type, "org", &["--format", format]);
            assert!(ended.err.contains("in/bomb: ") && ended.err.contains("more than 500 times their size"), "{}", ended.err);
        }
    }
    // Not out of proportion, but for one record.
    let (archive, err) = ingest("large", gzip(&vec![b'x'; 20 << 20]), "email", &[], 1);
    assert!(err.contains("large: more than 15728640 bytes"), "{err}");
    assert!(archive.documents().is_empty());
}

#[test]
fn of_a_packed_file_that_is_cut_off_what_is_complete_is_archived() {
    let lines: Vec<String> = (0..40_000_u64).map(|i| format!("{{\"a\":{}}}\n", i.wrapping_mul(0x9e37_79b9_7f4a) >> 8)).collect();
    for packed in [gzip(lines.concat().as_bytes()), bzip2(lines.concat().as_bytes())] {
        let cut = &packed[..packed.len() - packed.len() / 4];
        let (archive, err) = ingest("in.gz", cut, "cowrie", &[], 3);
        let place = format!("cut off at byte {} of the file", cut.len());
        assert!(err.contains("in.gz: cannot be read to the end: ") && err.contains(&place), "{err}");
        let kept = archive.documents().len();
        assert!(kept > 1_000 && kept < lines.len(), "{kept}");
        // Mended, nothing is there twice.
        let whole = archive.file("in.gz", &packed);
        archive.ingest(&whole, "cowrie", "org", &AT).expect(0);
        assert_eq!(archive.documents().len(), lines.len());
    }
}

#[test]
fn nothing_is_archived_of_a_packed_file_that_is_damaged() {
    let lines: String = (0..40_000).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    for packed in [gzip(lines.as_bytes()), bzip2(lines.as_bytes())] {
        // In the checksum: all lines come out before it is seen to be wrong.
        let mut damaged = packed.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        for damaged in [damaged, [&packed[..], b"more that is not packed"].concat()] {
            let (archive, err) = ingest("in.gz", &damaged, "cowrie", &[], 1);
            assert!(err.contains("in.gz: cannot be read: ") && err.contains("damaged near byte "), "{err}");
            assert!(archive.documents().is_empty());
        }
    }
}

#[test]
fn of_a_feed_that_is_cut_off_only_parts_that_the_whole_one_has_are_archived() {
    let feed = urls(250_000).concat();
    let (whole, _) = ingest("feed", &feed, "openphish", &[], 0);
    let packed = gzip(feed.as_bytes());
    let (archive, _) = ingest("feed", &packed[..packed.len() - 9], "openphish", &[], 3);
    let (kept, all) = (archive.documents(), whole.documents());
    assert!(kept.len() == 1 && all.len() == 2 && all.contains(&kept[0]));
    let small = gzip(urls(50).concat().as_bytes());
    let (archive, err) = ingest("feed", &small[..small.len() - 9], "openphish", &[], 1);
    assert!(err.contains("cut off") && archive.documents().is_empty(), "{err}");
}

#[test]
fn packed_twice_is_refused_and_as_text_the_inner_bytes_are_kept() {
    let inner = gzip(b"http://example.com/\n");
    let (_, err) = ingest("feed.gz", gzip(&inner), "openphish", &[], 1);
    assert!(err.contains("gzip file within another packed one"), "{err}");
    let (archive, _) = ingest("feed.gz", gzip(&inner), "openphish", &["--format", "text"], 0);
    assert_eq!(bytes(&archive.documents()[0]), inner);
}

#[test]
fn a_mail_is_archived_byte_for_byte_and_bytes_that_are_not_utf8_come_back_from_the_export() {
    let mail = b"\xEF\xBB\xBFSubject: caf\xe9\r\n\r\n>From x\r\n\0\x80\xff\r\n";
    for format in ["auto", "eml", "text"] {
        let (archive, _) = ingest("mail.eml", mail, "email", &["--format", format], 0);
        let documents = archive.documents();
        assert_eq!((bytes(&documents[0]), documents[0]["data"]["encoding"].as_str()), (mail.to_vec(), Some("latin-1")));
    }
    let (archive, _) = ingest("mail.eml", "Subject: café\n\nFrom x\n", "email", &[], 0);
    assert_eq!(archive.documents()[0]["data"], serde_json::json!({"data": "Subject: café\n\nFrom x\n"}));
}

#[test]
fn a_mailbox_is_a_record_for_each_mail() {
    let mbox = "From a@example.com Thu Jan  1 00:00:00 2026\nSubject: 1\n\nOn\n>From here\n>>From there\n\n\
                From b@example.com Thu Jan  1 00:00:00 2026\r\nSubject: 2\r\n\r\nFrom, no\r\n\r\n\
                From c@example.com Thu Jan  1 00:00:00 2026\nSubject: 3\n\nlast\n\n";
    for format in ["auto", "mbox"] {
        let (archive, _) = ingest("mails.mbox", mbox, "email", &["--format", format], 0);
        let mut texts = texts(&archive);
        texts.sort();
        let expected = ["Subject: 1\n\nOn\nFrom here\n>From there\n", "Subject: 2\r\n\r\nFrom, no\r\n", "Subject: 3\n\nlast\n"];
        assert_eq!(texts, expected);
    }
    let (_, err) = ingest("mail.eml", "Subject: x\n\nbody\n", "email", &["--format", "mbox"], 1);
    assert!(err.contains("mail.eml:1: ") && err.contains("is the file an mbox?"), "{err}");
}

#[test]
fn a_mail_that_is_too_large_is_refused_by_its_number() {
    let long = "x".repeat(16 << 20);
    let mbox = format!("From a\nSubject: 1\n\nFrom b\nSubject: 2\n{long}\n\nFrom c\nSubject: 3\n");
    let (archive, err) = ingest("mails.mbox", mbox, "email", &["--json"], 3);
    assert!(err.contains("mails.mbox: mail 2: ") && err.contains("a record is at most 15728640"), "{err}");
    assert_eq!(archive.documents().len(), 2);
}

#[test]
fn a_folder_is_its_files_and_says_what_it_left_out() {
    let archive = Archive::new();
    let folder = archive.path("mails");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    for (name, text) in
        [("2.eml", "Subject: 2\n"), ("1.mbox", "From a\nSubject: 1\n"), (".hidden", "Subject: x\n"), ("3.eml", "")]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(folder.join("sub/4.eml"), "Subject: 4\n").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.join("link.eml")).unwrap();
    let ended = archive.ingest(&folder, "email", "org", &["--json"]).expect(3);
    let mut found = texts(&archive);
    found.sort();
    assert_eq!(found, ["Subject: 1\n", "Subject: 2\n"]);
    let names: Vec<PathBuf> =
        ended.json()["files"].as_array().unwrap().iter().map(|file| file["file"].as_str().unwrap().into()).collect();
    assert_eq!(names, ["1.mbox", "2.eml", "3.eml"].map(|name| folder.join(name)));
    assert_eq!(ended.json()["left_out"], 3);
    assert!(
        ended.err.contains("mails: 3 entries are left out") && ended.err.contains("3.eml: the file is empty"),
        "{}",
        ended.err
    );
    let empty = archive.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let ended = archive.ingest(&empty, "email", "org", &[]).expect(1);
    assert!(ended.err.contains("empty: a directory without files"), "{}", ended.err);
}

/// Checks that a feed is split; returns its parts in the order of what `first` finds in them.
fn parts(feed: &str, first: impl Fn(&str) -> usize) -> Vec<String> {
    let (archive, _) = ingest("feed", feed, "phishtank", &[], 0);
    let mut parts = texts(&archive);
    assert!(parts.len() >= feed.len() / PART && parts.iter().all(|part| part.len() <= PART), "{}", parts.len());
    parts.sort_by_key(|part| first(part));
    parts
}

#[test]
fn a_feed_of_30_mb_is_split_between_lines_and_all_of_them_are_there() {
    let lines = urls(700_000);
    let feed = lines.concat();
    assert!(feed.len() > 28_000_000);
    let parts = parts(&feed, |part| feed.find(part.lines().next().unwrap()).unwrap());
    assert!(parts.concat() == feed);
}

#[test]
fn a_csv_of_30_mb_is_split_between_records_and_each_part_has_the_header() {
    let header = "phish_id,url,target\n";
    let row = |i: usize| format!("{i},\"http://example.com/a,b?{i}\",\"Example\nBank, {}\"\n", "x".repeat(40));
    let rows: String = (1_000_000..1_330_000).map(row).collect();
    let parts = parts(&format!("{header}{rows}"), |part| part[header.len()..][..7].parse().unwrap());
    let together: String = parts.iter().map(|part| part.strip_prefix(header).unwrap()).collect();
    assert!(together == rows);
}

#[test]
fn a_dump_of_30_mb_is_split_between_elements_and_each_part_is_an_array() {
    let entry = |i: usize| serde_json::json!({"phish_id": i, "url": format!("http://example.com/[\"{i},"), "details": [{"cidr": "x".repeat(90)}]});
    let entries: Vec<Value> = (0..180_000).map(entry).collect();
    let feed = serde_json::to_string_pretty(&entries).unwrap();
    assert!(feed.len() > 30_000_000);
    let read = |part: &str| serde_json::from_str::<Vec<Value>>(part).unwrap();
    let parts = parts(&feed, |part| read(part)[0]["phish_id"].as_u64().unwrap() as usize);
    assert!(parts.iter().flat_map(|part| read(part)).eq(entries));
}

#[test]
fn memory_stays_flat_whatever_comes_out_of_a_packed_feed() {
    let peak = |megabytes: usize| {
        let archive = Archive::new();
        let line = format!("http://example.com/{}\n", "abcdefghij".repeat(10));
        let file = archive.file("feed.gz", gzip(line.repeat((megabytes << 20) / line.len()).as_bytes()));
        let (file, store) = (file.to_str().unwrap().to_owned(), archive.store());
        let mut child =
            crate::support::command(["ingest", &file, "--sub-type", "openphish", "--orgid", "org", "--store", &store])
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
        let status = Path::new("/proc").join(child.id().to_string()).join("status");
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        peak / 1024
    };
    let (small, large) = (peak(20), peak(60));
    assert!(large < 200 && large < small + 50, "{small} MiB, then {large} MiB");
}

#[test]
fn older_archives_forms_are_one_record_when_asked_for_as_json() {
    let entry = "{\n\"phish_id\": 1,\n\"url\": \"http://example.com/\"\n}\n";
    let (archive, _) = ingest("entry.json", entry, "phishtank", &["--format", "json"], 0);
    assert_eq!(archive.documents()[0]["data"]["phish_id"], 1);
    let (archive, _) = ingest("entry.json", entry, "phishtank", &[], 0);
    assert_eq!(texts(&archive), [entry]);
    let store = Archive::new().store();
    runtime(["ingest", "/dev/zero", "--sub-type", "email", "--orgid", "org", "--store", &store]).expect(1);
}

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tahoe_runtime::json;
use tahoe_runtime::store::NewRecord;
use tahoe_runtime::tahoe::RawDocument;

use crate::Scale;
use crate::native::Native;

/// A kind of record, and the filter that reads it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) sub_type: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) native: Native,
    /// The data of the record of that number. No two are alike: the archive would take them for one.
    pub(crate) data: fn(usize) -> Value,
}

pub(crate) const COWRIE: Kind =
    Kind { name: "Cowrie", sub_type: "cowrie", filter: "cowrie", native: Native::Rust(&cowrie::FILTER), data: cowrie_record };
pub(crate) const COWRIE_OF_2021: Kind = Kind { data: cowrie_record_of_2021, ..COWRIE };
pub(crate) const EMAIL: Kind =
    Kind { name: "e-mail", sub_type: "email", filter: "email", native: Native::Rust(&email::FILTER), data: message };
pub(crate) const PHISHTANK: Kind = Kind {
    name: "PhishTank",
    sub_type: "phishtank_feed",
    filter: "phishtank_feed",
    native: Native::Rust(&phishtank_feed::FILTER),
    data: phishtank_part,
};
pub(crate) const THREATFOX: Kind = Kind {
    name: "Python",
    sub_type: "threatfox_feed",
    filter: "threatfox",
    native: Native::Python { module: "threatfox" },
    data: threatfox_dump,
};

impl Kind {
    /// Those whose filters are built. The others are named.
    pub(crate) fn built(scale: Scale) -> Vec<Self> {
        let is_built = |kind: &Self| {
            let reason = if scale.quick && matches!(kind.native, Native::Python { .. }) {
                "it would be compiled for longer than all the rest takes".to_owned()
            } else if kind.component().exists() {
                return true;
            } else {
                format!("there is no filters/{}.wasm", kind.filter)
            };
            println!("{}: SKIPPED, {reason}", kind.name);
            false
        };
        [COWRIE, EMAIL, PHISHTANK, THREATFOX].into_iter().filter(is_built).collect()
    }

    pub(crate) fn component(&self) -> PathBuf {
        component(self.filter)
    }

    /// As many records of it as there are in a table of costs.
    pub(crate) fn records(&self, count: usize) -> Vec<NewRecord> {
        (0..count).map(|number| self.record((self.data)(number))).collect()
    }

    /// What every filter rejects at once: all that is left of a call is what making its instance takes.
    pub(crate) fn least_record(&self) -> NewRecord {
        self.record(json!({}))
    }

    fn record(&self, data: Value) -> NewRecord {
        let Value::Object(data) = data else { panic!("data is an object") };
        let document = RawDocument::new(self.sub_type, data).unwrap();
        NewRecord { document, orgid: "org".into(), timezone: "UTC".into(), received_at: 1_767_225_600.0 }
    }

    /// Writes a file of records, one a line.
    pub(crate) fn write(&self, count: usize, path: &Path) {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        for number in 0..count {
            writeln!(file, "{}", (self.data)(number)).unwrap();
        }
        file.flush().unwrap();
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A filter as it is shipped.
pub(crate) fn component(filter: &str) -> PathBuf {
    root().join("filters").join(format!("{filter}.wasm"))
}

/// The records of the fixtures in many sessions of many attackers.
fn cowrie_record(number: usize) -> Value {
    static LINES: LazyLock<Vec<String>> = LazyLock::new(cowrie_lines);
    cowrie_variant(&LINES, number)
}

/// Those of them that the program before this one gets past: at a record without `duration` or `password` it stops for good.
fn cowrie_record_of_2021(number: usize) -> Value {
    static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let stops = |line: &String| line.contains("\"duration_ms\"") || line.contains("\"fingerprint\"");
        cowrie_lines().into_iter().filter(|line| !stops(line)).collect()
    });
    cowrie_variant(&LINES, number)
}

fn cowrie_lines() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("fixtures/records/cowrie.jsonl")).unwrap();
    // A record without a session is there to be rejected.
    text.lines().filter(|line| line.contains("\"session\"")).map(str::to_owned).collect()
}

fn cowrie_variant(lines: &[String], number: usize) -> Value {
    let round = number / lines.len();
    let line = lines
        .get(number % lines.len())
        .unwrap()
        .replace("5f1c0a7be210", &format!("5f1c{round:08x}"))
        .replace("192.0.2.77", &format!("192.0.2.{}", round % 200))
        .replace("T04:", &format!("T{:02}:", round % 24));
    let mut data = json::read(line.as_bytes()).unwrap();
    if let Value::Object(fields) = &mut data {
        fields.insert("uuid".into(), number.into());
    }
    data
}

/// A message of two readings and an attachment, some five kilobytes.
fn message(number: usize) -> Value {
    let mut body = String::new();
    for line in 0..16 {
        let _ = writeln!(body, "Please confirm order {number} at https://shop.example/pay?id={number}&line={line} today.\r");
    }
    let attachment = format!("{number:060x}\r\n").replace('0', "QUJD").repeat(10);
    let day = 1 + number % 28;
    let sender = number % 500;
    let text = format!(
        "Received: from mail.example (mail.example [198.51.100.{ip}])\r\n\tby mx.example.org; {day} Dec 2025 10:00:00 +0000\r\n\
         From: Sales {sender} <sales{sender}@shop.example>\r\nReply-To: desk{sender}@shop.example\r\n\
         To: Alice Example <alice@example.org>, bob@example.org\r\nCc: carol@example.org\r\nSubject: Order {number}\r\n\
         Date: {day} Dec 2025 10:00:00 +0000\r\nMessage-ID: <{number}@shop.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n--outer\r\n\
         Content-Type: multipart/alternative; boundary=\"inner\"\r\n\r\n--inner\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n--inner\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>\r\n--inner--\r\n--outer\r\n\
         Content-Type: application/pdf; name=\"order{number}.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"order{number}.pdf\"\r\n\r\n{attachment}\r\n--outer--\r\n",
        ip = number % 200,
    );
    json!({ "data": text })
}

/// Entries in one part of a dump: what fits into the 7 MiB at which `runtime ingest` cuts.
pub(crate) const ENTRIES: usize = 12_000;

/// A part of a dump: its entries go on where those of the part before end.
fn phishtank_part(number: usize) -> Value {
    let entry = |id: usize| {
        let (day, ip) = (1 + id % 28, id % 250);
        json!({
            "phish_id": (9_000_000 + id).to_string(),
            "url": format!("https://login{id}.phish{}.example/account/verify/step?session={id:032x}&amp;next=%2Fhome", id % 5_000),
            "phish_detail_url": format!("http://phishtank.example/phish_detail.php?phish_id={}", 9_000_000 + id),
            "submission_time": format!("2025-12-{day:02}T10:00:00+00:00"),
            "verified": "yes",
            "verification_time": format!("2025-12-{day:02}T11:{:02}:00+00:00", id % 60),
            "online": "yes",
            "details": [{
                "ip_address": format!("203.0.113.{ip}"),
                "cidr_block": "203.0.113.0/24",
                "announcing_network": (64_496 + id % 16).to_string(),
                "rir": "ripencc",
                "country": "NL",
                "detail_time": format!("2025-12-{day:02}T11:30:00+00:00"),
            }],
            "target": format!("Example Bank {}", id % 40),
        })
    };
    let entries: Vec<Value> = (number * ENTRIES..(number + 1) * ENTRIES).map(entry).collect();
    json!({ "data": Value::Array(entries).to_string() })
}

/// A dump of some hundred indicators, fifty kilobytes.
fn threatfox_dump(number: usize) -> Value {
    let entry = |id: usize| {
        json!({
            "id": (1_300_000 + id).to_string(),
            "ioc_value": format!("http://host{id}.malware.example/bins/x86"),
            "ioc_type": "url",
            "threat_type": "payload_delivery",
            "malware": "win.examplebot",
            "malware_alias": "ExBot,Example Bot",
            "malware_printable": "ExampleBot",
            "first_seen_utc": format!("2025-12-{:02} 12:34:56", 1 + id % 28),
            "last_seen_utc": null,
            "confidence_level": 75,
            "reference": format!("https://blog.example/analysis/{id}"),
            "tags": "exe,ExampleBot",
            "anonymous": "0",
            "reporter": "reporter_one",
        })
    };
    let entries: Vec<Value> = (number * 100..(number + 1) * 100).map(entry).collect();
    json!({ "data": Value::Array(entries).to_string() })
}

